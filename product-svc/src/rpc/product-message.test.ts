import assert from "node:assert/strict";
import { emptyFields } from "@quartet/chassis/testing/empty-fields";
import { ProductSchema } from "@quartet/proto/shop/product/v1/product_pb";
import { describe, it } from "mocha";
import { aProduct } from "../testing/builders.ts";
import { toProductMessage } from "./product-message.ts";

describe("toProductMessage", () => {
  it("leaves out no field of the contract", () => {
    assert.deepEqual(emptyFields(ProductSchema, toProductMessage(aProduct())), []);
  });
});
