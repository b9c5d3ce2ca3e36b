import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { searchExpression } from "./search-expression.ts";

describe("searchExpression", () => {
  for (const [text, expression] of [
    ["tea cup", '"tea" "cup"*'],
    ["  tea\tcup\n", '"tea" "cup"*'],
    ["tea tea tea cup", '"tea" "cup"*'],
    ["cup cu cup", '"cup" "cu" "cup"*'],
    ["tea AND NOT cup*", '"tea" "AND" "NOT" "cup*"*'],
    ['the "best" cup', '"the" """best""" "cup"*'],
    ["display_name:cup", '"display_name:cup"*'],
    ["tea\0cup", '"tea" "cup"*'],
    ["!", '"!"*'],
  ] as const) {
    it(`makes ${expression} of ${JSON.stringify(text)}`, () => {
      assert.equal(searchExpression(text), expression);
    });
  }

  it("makes nothing of nothing", () => {
    for (const text of ["", "  ", "\0"]) assert.equal(searchExpression(text), undefined);
  });
});
