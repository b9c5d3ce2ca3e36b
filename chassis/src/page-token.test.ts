import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { DomainError } from "./domain-error.ts";
import { createPageTokens, pageSizeOf } from "./page-token.ts";

const tokens = createPageTokens({ key: new Uint8Array(32).fill(7) });
const isInvalid = (error: unknown) => error instanceof DomainError && error.reason === "INVALID_PAGE_TOKEN";

describe("page tokens", () => {
  it("give back the cursor for the same query", () => {
    const token = tokens.encode({ list: "things", color: "red" }, [12, "abc"]);
    assert.deepEqual(tokens.decode({ list: "things", color: "red" }, token), [12, "abc"]);
  });

  it("read the empty token as the first page", () => {
    assert.equal(tokens.decode({ list: "things" }, ""), undefined);
  });

  it("refuse a token of another query or another service", () => {
    const token = tokens.encode({ color: "red" }, 1);
    assert.throws(() => tokens.decode({ color: "blue" }, token), isInvalid);
    assert.throws(() => createPageTokens({ key: new Uint8Array(32) }).decode({ color: "red" }, token), isInvalid);
  });

  it("refuse a token in which any character was changed", () => {
    const token = tokens.encode({}, { after: "2026-01-01" });
    for (let index = 0; index < token.length; index++) {
      const changed = `${token.slice(0, index)}${token[index] === "A" ? "B" : "A"}${token.slice(index + 1)}`;
      assert.throws(() => tokens.decode({}, changed), isInvalid, `character ${index}`);
    }
    assert.throws(() => tokens.decode({}, "%%%"), isInvalid);
    assert.throws(() => tokens.decode({}, `${token}A`), isInvalid);
  });
});

describe("pageSizeOf", () => {
  it("takes the default for none and the largest for too many", () => {
    assert.deepEqual([0, 1, 100, 101].map(pageSizeOf), [50, 1, 100, 100]);
  });
});
