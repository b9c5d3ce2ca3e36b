import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { DomainError } from "./domain-error.ts";
import { fromName, toName } from "./resource-name.ts";

describe("resource names", () => {
  it("go to an id and back", () => {
    assert.equal(toName("things", "7"), "things/7");
    assert.equal(fromName("things", "things/7"), "7");
  });

  for (const name of ["", "7", "things/", "things", "others/7", "things/7/parts/1", "/things/7"]) {
    it(`refuses "${name}" as the name of a thing`, () => {
      assert.throws(
        () => fromName("things", name, "thing"),
        (error) =>
          error instanceof DomainError && error.reason === "INVALID_NAME" && error.fields[0]?.field === "thing",
      );
    });
  }
});
