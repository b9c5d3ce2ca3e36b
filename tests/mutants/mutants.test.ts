import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "mocha";
import { edited } from "./mutant.ts";
import { mutants } from "./mutants.ts";

const root = join(import.meta.dirname, "..", "..");

describe("the mutants", () => {
  it("have names of their own", () => {
    assert.ok(mutants.length >= 12);
    assert.equal(new Set(mutants.map(({ name }) => name)).size, mutants.length);
  });

  for (const { name, sentence, edits } of mutants) {
    it(`fit the code: ${name}. ${sentence}`, () => {
      for (const path of new Set(edits.map((edit) => edit.path))) {
        const before = readFileSync(join(root, path), "utf8");
        const after = edits.filter((edit) => edit.path === path).reduce(edited, before);
        assert.notEqual(after, before);
      }
    });
  }

  it("cannot rot: a place that is not there, or twice, is said", () => {
    const edit = { path: "a.ts", from: "b", to: "c" };
    assert.equal(edited("a b", edit), "a c");
    assert.throws(() => edited("a", edit), /a\.ts has 0 places/);
    assert.throws(() => edited("b b", edit), /a\.ts has 2 places/);
  });
});
