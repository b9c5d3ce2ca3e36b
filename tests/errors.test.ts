import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { describe, it } from "mocha";
import { errorReplies } from "../tools/gateway/error-replies.ts";
import { readSourceTree, services } from "./architecture/source-tree.ts";
import { contractErrors } from "./errors/contract-errors.ts";
import { anyMethod, pageRows } from "./errors/error-page.ts";
import { errorRules } from "./errors/error-rules.ts";
import { errorsOfCallers, madeErrors } from "./errors/made-errors.ts";
import { brokenBy, keptBy } from "./errors/made-up-sources.ts";

const tree = readSourceTree(fileURLToPath(new URL("../", import.meta.url)));

describe("the reasons of errors", () => {
  it("are read as they are", () => {
    assert.deepEqual(new Set(madeErrors(tree).errors.map(({ home }) => home)), new Set(["chassis", ...services]));
    assert.deepEqual(new Set(contractErrors(tree).map(({ service }) => service)), new Set(services));
    assert.deepEqual([...new Set(pageRows(tree).map(({ section }) => section))], [anyMethod, ...services]);
  });

  it("are parked ones where only messages lead to them", () => {
    const ofCallers = new Set(errorsOfCallers(tree).map(({ reason }) => reason));
    const parked = madeErrors(tree).errors.filter(({ reason }) => !ofCallers.has(reason));
    assert.ok(parked.some(({ reason }) => reason === "NOT_RESERVED"));
    assert.ok(!parked.some(({ reason }) => reason === "ORDER_NOT_FOUND"));
  });

  for (const { sentence, violations } of errorRules) {
    it(`keep their rule: ${sentence}`, () => {
      const found = violations({ tree, replies: errorReplies });
      assert.ok(found.length === 0, `\n${found.join("\n")}`);
    });

    it(`can break their rule: ${sentence}`, () => {
      assert.deepEqual(violations(keptBy), []);
      assert.deepEqual(violations(brokenBy(sentence).sources), brokenBy(sentence).violations);
    });
  }
});
