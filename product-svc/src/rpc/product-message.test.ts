import assert from "node:assert/strict";
import { isFieldSet } from "@bufbuild/protobuf";
import { ProductSchema } from "@quartet/proto/shop/product/v1/product_pb";
import { describe, it } from "mocha";
import { aProduct } from "../testing/builders.ts";
import { toProductMessage } from "./product-message.ts";

describe("toProductMessage", () => {
  it("leaves out no field of the contract", () => {
    const message = toProductMessage(aProduct());
    const empty = ProductSchema.fields.filter((field) => !isFieldSet(message, field));
    assert.deepEqual(
      empty.map(({ name }) => name),
      [],
    );
  });
});
