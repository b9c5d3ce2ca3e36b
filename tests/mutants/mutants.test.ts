import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "mocha";
import { type CheckoutCopy, copyCheckout } from "../checkout-copy.ts";
import { edited, type Mutant } from "./mutant.ts";
import { mutants } from "./mutants.ts";

const root = join(import.meta.dirname, "..", "..");
/** What a mutant leaves unused is no reason to doubt it. */
const compiler = ["tsc", "--noEmit", "--noUnusedLocals", "false", "--noUnusedParameters", "false"];

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

  // Node runs what does not compile: a mutant whose types are wrong would break something else than it says.
  it("compile, as many at a time as there is room for", async function () {
    this.timeout(300_000);
    const copy = copyCheckout();
    try {
      for (let rest: readonly Mutant[] = mutants; rest.length > 0; ) {
        const left = rest.filter((mutant) => !applied(copy, mutant));
        assert.ok(left.length < rest.length);
        await copy.run("npx", compiler);
        for (const path of new Set(rest.flatMap(({ edits }) => edits.map((edit) => edit.path)))) {
          writeFileSync(join(copy.root, path), readFileSync(join(root, path)));
        }
        rest = left;
      }
    } finally {
      copy.remove();
    }
  });

  it("cannot rot: a place that is not there, or twice, is said", () => {
    const edit = { path: "a.ts", from: "b", to: "c" };
    assert.equal(edited("a b", edit), "a c");
    assert.throws(() => edited("a", edit), /a\.ts has 0 places/);
    assert.throws(() => edited("b b", edit), /a\.ts has 2 places/);
  });
});

/** Makes all edits of a mutant in the copy, or none where an earlier mutant has changed one of the places. */
function applied(copy: CheckoutCopy, { edits }: Mutant): boolean {
  const sources = new Map<string, string>();
  try {
    for (const edit of edits) {
      const file = join(copy.root, edit.path);
      sources.set(file, edited(sources.get(file) ?? readFileSync(file, "utf8"), edit));
    }
  } catch {
    return false;
  }
  for (const [file, source] of sources) writeFileSync(file, source);
  return true;
}
