import assert from "node:assert/strict";
import { isFieldSet } from "@bufbuild/protobuf";
import { SampleItemSchema } from "@quartet/proto/shop/sample_item/v1/sample_item_pb";
import { describe, it } from "mocha";
import { aSampleItem } from "../testing/builders.ts";
import { toSampleItemMessage } from "./sample-item-message.ts";

describe("toSampleItemMessage", () => {
  it("leaves out no field of the contract", () => {
    const message = toSampleItemMessage(aSampleItem());
    const empty = SampleItemSchema.fields.filter((field) => !isFieldSet(message, field));
    assert.deepEqual(
      empty.map(({ name }) => name),
      [],
    );
  });
});
