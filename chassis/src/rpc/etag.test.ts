import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { expectedVersion, toEtag } from "./etag.ts";

describe("etags", () => {
  it("give back the version they were made of, also when a proxy made them weak", () => {
    assert.equal(expectedVersion(toEtag(7)), 7);
    assert.equal(expectedVersion(`W/${toEtag(12)}`), 12);
  });

  it("expect nothing when there is none", () => {
    assert.equal(expectedVersion(""), undefined);
  });

  it("expect what no resource has when they were never ours", () => {
    for (const etag of ["7", '"x"', '"7" ', '"-1"', "*", `"${"9".repeat(20)}"`]) assert.equal(expectedVersion(etag), 0);
  });
});
