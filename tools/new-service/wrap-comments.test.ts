import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { wrapComments } from "./wrap-comments.ts";

const words = (count: number) => Array.from({ length: count }, (_, index) => `word${index % 10}`).join(" ");

describe("wrapComments", () => {
  it("fills the lines of a comment up to 120 columns and no further", () => {
    const comment = words(60).replace(/(?:\S+ ){5}/g, (line) => `${line.trim()}\n  // `);
    const lines = wrapComments(`  // ${comment}\n  code();`).split("\n");
    assert.equal(lines.pop(), "  code();");
    assert.equal(lines.map((line) => line.slice(5)).join(" "), words(60));
    for (const line of lines.slice(0, -1)) assert.ok(line.length <= 120 && line.length > 113, line);
  });

  it("keeps paragraphs apart", () => {
    const text = "// One.\n//\n// Two,\n// and more.\nrpc();";
    assert.equal(wrapComments(text), "// One.\n//\n// Two, and more.\nrpc();");
  });

  it("breaks a comment that has become too long for its line", () => {
    const [first, second, ...more] = wrapComments(`  /** ${words(25)} */`).split("\n");
    assert.equal(first, "  /**");
    assert.match(second ?? "", /^ {3}\* word0 .{100,112}$/);
    assert.match(more.join("\n"), /^ {3}\* .*\n {3}\*\/$/);
  });

  it("leaves code and strings alone", () => {
    const text = 'const url = "http://a";\nconst a = 1; // One.\n// Two.\nconst b = 2;\n';
    assert.equal(wrapComments(text), text);
  });
});
