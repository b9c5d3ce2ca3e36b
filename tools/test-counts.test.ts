import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { countResults, failureReport } from "./test-counts.ts";

describe("countResults", () => {
  it("reads the counts that mocha prints, and no counts in what a failed test tells", () => {
    const told = "  1) thing\n       Error: npm test failed:\n  4 passing (1s)\n  3 failing\n";
    const output = `  thing\n    ✔ 3 passing ships\n\n  12 passing (3s)\n  2 pending\n  1 failing\n\n${told}`;
    assert.deepEqual(countResults(output, 1), { passed: 12, failed: 1, skipped: 2 });
  });

  it("reads them through colours", () => {
    const output = "\u001b[92m \u001b[0m\u001b[32m 12 passing\u001b[0m\u001b[90m (3s)\u001b[0m\n";
    assert.deepEqual(countResults(output, 0), { passed: 12, failed: 0, skipped: 0 });
  });

  it("takes a crash without counts for a failure, and so a bad exit after good counts", () => {
    assert.deepEqual(countResults("Error: no such file\n", 1), { passed: 0, failed: 1, skipped: 0 });
    assert.deepEqual(countResults("", 0), { passed: 0, failed: 1, skipped: 0 });
    assert.equal(countResults("  3 passing (1s)\n", 7).failed, 1);
  });
});

describe("failureReport", () => {
  it("is what mocha says after its counts, without colours", () => {
    const output =
      "  thing\n    1) sinks\n\n  12 passing (3s)\n\u001b[31m  1 failing\u001b[0m\n\n  1) thing\n\n       Error: sank\n\n\n";
    assert.equal(failureReport(output), "  12 passing (3s)\n  1 failing\n\n  1) thing\n\n       Error: sank");
  });

  it("is empty where nothing failed", () => {
    assert.equal(failureReport("  12 passing (3s)\n"), "");
  });
});
