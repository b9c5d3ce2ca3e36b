import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { ProductSchema } from "@quartet/proto/shop/product/v1/product_pb";
import { describe, it } from "mocha";
import { DomainError } from "../domain-error.ts";
import { requireFilled, updatedFields } from "./update-mask.ts";

const updatable = ["display_name", "description", "price"] as const;
const product = create(ProductSchema, { displayName: "Cup", price: { currency: "EUR", minorUnits: 1n }, version: 3n });
const fields = (...paths: string[]) => [
  ...updatedFields(ProductSchema, product, create(FieldMaskSchema, { paths }), updatable),
];

describe("updatedFields", () => {
  it("takes the fields that the mask names, also those that become empty", () => {
    assert.deepEqual(fields("description", "display_name", "description"), ["display_name", "description"]);
  });

  it("takes all that can be changed for *", () => {
    assert.deepEqual(fields("*"), [...updatable]);
  });

  it("takes what is not empty without a mask, and of that only what can be changed", () => {
    assert.deepEqual(fields(), ["display_name", "price"]);
    assert.deepEqual([...updatedFields(ProductSchema, product, undefined, updatable)], ["display_name", "price"]);
  });

  for (const path of ["version", "displayName", "price.currency", "nothing", ""]) {
    it(`refuses "${path}" and names it and the mask`, () => {
      assert.throws(
        () => fields("display_name", path),
        (error) => {
          assert.ok(error instanceof DomainError);
          assert.equal(error.reason, "INVALID_FIELDS");
          assert.deepEqual(error.fields, [
            { field: "update_mask", description: `must not name "${path}", only display_name, description, price, *` },
          ]);
          return true;
        },
      );
    });
  }
});

describe("requireFilled", () => {
  it("names every field that would become empty", () => {
    requireFilled("product", []);
    assert.throws(
      () => requireFilled("product", ["display_name", "price"]),
      (error) => {
        assert.ok(error instanceof DomainError);
        assert.equal(error.reason, "INVALID_FIELDS");
        assert.equal(error.message, "product.display_name: must not be empty (and 1 more)");
        assert.deepEqual(
          error.fields.map(({ field }) => field),
          ["product.display_name", "product.price"],
        );
        return true;
      },
    );
  });
});
