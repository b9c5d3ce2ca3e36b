import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it } from "mocha";

/** Fifty times what `make test` runs. */
const longRuns = "10000";

const rootDir = join(import.meta.dirname, "../..");
const mocha = join(dirname(createRequire(import.meta.url).resolve("mocha/package.json")), "bin", "mocha.js");
const files = globSync("*-svc/src/**/*.model.test.ts", { cwd: rootDir }).sort();

describe("the models of the services, at length", function () {
  this.timeout(4 * 3_600_000);

  it("are there", () => {
    assert.ok(files.length >= 4, `${files}`);
  });

  for (const file of files) {
    it(`${file} agrees with the service`, async () => {
      const env = { NUM_RUNS: longRuns, ...process.env };
      const child = spawn(process.execPath, [mocha, file], { cwd: rootDir, env, stdio: ["ignore", "pipe", "inherit"] });
      const [said, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
      // Not at once: the counts of another run would look like the end of this one.
      assert.equal(code, 0, said);
    });
  }
});
