import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { codeRules } from "./code-rules.ts";
import { imageRules } from "./image-rules.ts";
import { importsOf } from "./imports.ts";
import { layerRules } from "./layer-rules.ts";
import { packageRules } from "./package-rules.ts";
import { codeOnly, withoutComments } from "./source-tree.ts";

const asTree = (files: Readonly<Record<string, string>>) => new Map(Object.entries(files));

describe("each rule of the architecture", () => {
  for (const { sentence, violations, refused, accepted } of [
    ...layerRules,
    ...codeRules,
    ...packageRules,
    ...imageRules,
  ]) {
    it(`can fail: ${sentence}`, () => {
      assert.ok(refused.length > 0);
      for (const files of refused) {
        assert.notDeepEqual(violations(asTree(files)), [], `not refused: ${JSON.stringify(files)}`);
      }
      assert.deepEqual(violations(asTree(accepted)), []);
    });
  }
});

describe("importsOf", () => {
  const specifiers = (text: string) => importsOf("a/b.ts", text).map(({ specifier }) => specifier);

  it("finds imports of every form", () => {
    const text = [
      `import a from "1";`,
      `import "2";`,
      `import {\n  b,\n  type C,\n} from "3";`,
      `export { d } from "4";`,
      `export * from "5";`,
      `const e = await import("6");`,
      `const f = require("7");`,
      `import type { G } from "8";`,
    ].join("\n");
    assert.deepEqual(specifiers(text).sort(), ["1", "2", "3", "4", "5", "6", "7", "8"]);
  });

  it("finds none in comments", () => {
    assert.deepEqual(
      specifiers(`// import a from "1";\n/*\nimport b from "2";\n*/\nexport const c = 1;\nconst d = "x";`),
      [],
    );
  });

  it("tells types from values", () => {
    const found = importsOf(
      "a/b.ts",
      `import { type A, b } from "1";\nimport { type C } from "2";\nimport type D from "3";`,
    );
    assert.deepEqual(
      found.map(({ isTypeOnly, values }) => [isTypeOnly, values]),
      [
        [false, ["b"]],
        [true, []],
        [true, []],
      ],
    );
  });

  it("resolves relative imports from the root", () => {
    assert.equal(importsOf("a/b/c.ts", `import { d } from "../d.ts";`)[0]?.target, "a/d.ts");
  });
});

describe("source text", () => {
  it("loses its comments, and not what looks like one in a string", () => {
    assert.equal(withoutComments(`a("//b"); // c\n/* d */e`).replace(/ /g, ""), `a("//b");\ne`);
  });

  it("loses what its strings hold, and keeps its lines", () => {
    assert.equal(codeOnly(`a("b", 'c', \`d\n\${e}\`); // f`).replace(/ /g, ""), "a(,,\n);");
  });
});
