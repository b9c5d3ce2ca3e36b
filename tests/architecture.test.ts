import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { before, describe, it } from "mocha";
import { codeRules } from "./architecture/code-rules.ts";
import { imageRules } from "./architecture/image-rules.ts";
import { layerRules } from "./architecture/layer-rules.ts";
import { packageRules } from "./architecture/package-rules.ts";
import { packages, readSourceTree, type SourceTree } from "./architecture/source-tree.ts";

const root = fileURLToPath(new URL("../", import.meta.url));

describe("the architecture", () => {
  let tree: SourceTree;
  before(() => {
    tree = readSourceTree(root);
  });

  it("is read as it is", () => {
    for (const folder of packages) assert.ok(tree.has(`${folder}/package.json`), folder);
    assert.ok(tree.has("tests/architecture.test.ts"));
    assert.ok([...tree.keys()].filter((path) => path.endsWith(".ts")).length > 100);
  });

  for (const { sentence, violations } of [...layerRules, ...codeRules, ...packageRules, ...imageRules]) {
    it(`keeps its rule: ${sentence}`, () => {
      const found = violations(tree);
      assert.ok(found.length === 0, `\n${found.join("\n")}`);
    });
  }
});
