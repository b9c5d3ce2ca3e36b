import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { DomainError } from "./domain-error.ts";
import { createPageTokens, readPage } from "./page-token.ts";

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

describe("readPage", () => {
  const things = Array.from({ length: 250 }, (_, index) => index + 1);
  const page = (request: { pageSize: number; pageToken: string }, query = "all") =>
    readPage<number, number>({
      tokens,
      request,
      query,
      read: async (after = 0, limit) => things.filter((thing) => thing > after).slice(0, limit),
      cursorOf: (thing) => thing,
    });

  it("takes the default for no size and the largest for too much", async () => {
    const sizes = await Promise.all(
      [0, 1, 100, 101].map(async (pageSize) => (await page({ pageSize, pageToken: "" })).items.length),
    );
    assert.deepEqual(sizes, [50, 1, 100, 100]);
  });

  it("goes through a list without a gap and ends with an empty token", async () => {
    const seen: number[] = [];
    let pageToken = "";
    do {
      const { items, nextPageToken } = await page({ pageSize: 100, pageToken });
      seen.push(...items);
      pageToken = nextPageToken;
    } while (pageToken !== "");
    assert.deepEqual(seen, things);
  });

  it("has no next page when the last one is just full", async () => {
    const { nextPageToken } = await page({ pageSize: 50, pageToken: tokens.encode("all", 200) });
    assert.equal(nextPageToken, "");
  });

  it("refuses the token of another query", async () => {
    await assert.rejects(page({ pageSize: 1, pageToken: tokens.encode("all", 1) }, "some"), isInvalid);
  });
});
