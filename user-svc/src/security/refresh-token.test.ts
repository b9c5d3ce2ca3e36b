import assert from "node:assert/strict";
import { newId } from "@quartet/chassis/ids";
import fc from "fast-check";
import { describe, it } from "mocha";
import { createRefreshTokens } from "./refresh-token.ts";

const key = new Uint8Array(32).fill(1);

describe("refresh tokens", () => {
  const tokens = createRefreshTokens({ key });

  it("name session and generation, and are never the same twice", () => {
    const sessionId = newId();
    for (const generation of [1, 2, 0xffff_ffff]) {
      const token = tokens.create(sessionId, generation);
      assert.deepEqual(tokens.read(token.text), token);
      assert.deepEqual([token.sessionId, token.generation], [sessionId, generation]);
      assert.match(token.text, /^[A-Za-z0-9_-]{91}$/);
      assert.notEqual(tokens.create(sessionId, generation).text, token.text);
    }
  });

  it("do not show their hash", () => {
    const { text, hash } = tokens.create(newId(), 1);
    assert.ok(!text.includes(hash) && !hash.includes(text));
  });

  it("are read by nobody with another key", () => {
    const other = createRefreshTokens({ key: new Uint8Array(32).fill(2) });
    assert.equal(other.read(tokens.create(newId(), 1).text), undefined);
  });

  it("are unknown when any character is changed, added or left out", () => {
    const { text } = tokens.create(newId(), 1);
    const alphabet = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"];
    for (let at = 0; at < text.length; at++) {
      for (const letter of alphabet.filter((candidate) => candidate !== text[at])) {
        assert.equal(tokens.read(`${text.slice(0, at)}${letter}${text.slice(at + 1)}`), undefined);
      }
      assert.equal(tokens.read(text.slice(0, at) + text.slice(at + 1)), undefined);
    }
    for (const addition of ["A", "=", " ", "\n"]) assert.equal(tokens.read(text + addition), undefined);
  });

  it("are not found in any other text", () => {
    fc.assert(fc.property(fc.string({ maxLength: 100 }), (text) => tokens.read(text) === undefined));
  });
});
