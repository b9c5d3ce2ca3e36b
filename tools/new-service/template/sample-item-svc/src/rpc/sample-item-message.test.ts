import assert from "node:assert/strict";
import { emptyFields } from "@quartet/chassis/testing/empty-fields";
import { SampleItemSchema } from "@quartet/proto/shop/sample_item/v1/sample_item_pb";
import { describe, it } from "mocha";
import { aSampleItem } from "../testing/builders.ts";
import { toSampleItemMessage } from "./sample-item-message.ts";

describe("toSampleItemMessage", () => {
  it("leaves out no field of the contract", () => {
    assert.deepEqual(emptyFields(SampleItemSchema, toSampleItemMessage(aSampleItem())), []);
  });
});
