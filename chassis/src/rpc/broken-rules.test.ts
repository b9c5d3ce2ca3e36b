import assert from "node:assert/strict";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createValidator, type ValidationError } from "@bufbuild/protovalidate";
import { UpdateProductRequestSchema as schema } from "@quartet/proto/shop/product/v1/product_service_pb";
import { describe, it } from "mocha";
import { brokenRules } from "./broken-rules.ts";

const paths = "display_name, description, category, price, *";

function failureOf(init: MessageInitShape<typeof schema>, isStream = false) {
  const request = create(schema, init);
  const { error } = createValidator().validate(schema, request);
  return brokenRules(error as ValidationError, schema, isStream ? undefined : request);
}

describe("brokenRules", () => {
  it("names each field, and how many there are besides the first", () => {
    const error = failureOf({ product: { name: "cup", displayName: "x".repeat(201) } });
    assert.equal(error.reason, "INVALID_FIELDS");
    assert.deepEqual(
      error.fields.map(({ field }) => field),
      ["product.name", "product.display_name"],
    );
    assert.match(error.message, /^product\.name: .+ \(and 1 more\)$/);
  });

  for (const path of ["colour", "version", ""]) {
    it(`names the path "${path}" of a mask, and the paths there are`, () => {
      const error = failureOf({ product: { name: "products/cup" }, updateMask: { paths: ["price", path] } });
      assert.equal(error.message, `update_mask: must not name "${path}", only ${paths}`);
    });
  }

  it("names the mask where the request is not known", () => {
    const error = failureOf({ product: { name: "products/cup" }, updateMask: { paths: ["colour"] } }, true);
    assert.match(error.message, /^update_mask: must only contain paths in /);
  });
});
