import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { isUuid, newId, uuidFromBytes, uuidToBytes, uuidV5 } from "./ids.ts";

describe("newId", () => {
  it("returns UUIDs of version 7 that never go down", () => {
    const ids = Array.from({ length: 20_000 }, () => newId());
    for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.deepEqual(ids, [...new Set(ids)].sort());
  });

  it("carries the time of creation", () => {
    const milliseconds = Number.parseInt(newId().replaceAll("-", "").slice(0, 12), 16);
    assert.ok(Math.abs(milliseconds - Date.now()) < 5_000);
  });
});

describe("uuidV5", () => {
  it("agrees with the example of RFC 9562, appendix A.4", () => {
    const dns = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
    assert.equal(uuidV5("www.example.com", dns), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
  });
});

describe("isUuid", () => {
  it("knows a UUID from another text", () => {
    assert.equal(isUuid(newId()), true);
    assert.equal(isUuid("ORDER-1"), false);
    assert.equal(isUuid(`${newId()}0`), false);
  });
});

describe("uuidToBytes and uuidFromBytes", () => {
  it("turn a UUID into its bytes and back, and nothing else", () => {
    const id = newId();
    const bytes = uuidToBytes(id);
    assert.equal(bytes.length, 16);
    assert.equal(uuidFromBytes(bytes), id);
    assert.equal(uuidFromBytes(uuidToBytes(id.toUpperCase())), id);
    assert.throws(() => uuidToBytes(id.slice(1)), TypeError);
    assert.throws(() => uuidFromBytes(new Uint8Array(16).fill(7)), TypeError);
  });
});
