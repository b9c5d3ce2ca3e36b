import assert from "node:assert/strict";
import { type DescMessage, fromBinary, toJson } from "@bufbuild/protobuf";
import { SampleItemCreatedSchema } from "@quartet/proto/shop/sample_item/v1/sample_item_events_pb";
import { describe, it } from "mocha";
import type { SampleItemEvent } from "../domain/sample-item.ts";
import { aSampleItem, theFirst } from "../testing/builders.ts";
import { createToOutgoing } from "./publish.ts";

const sampleItem = aSampleItem({ createTime: 1_000, updateTime: 2_000 });
const sampleItemMessage = {
  name: "sampleItems/1",
  user: "users/ada",
  ...theFirst,
  version: "1",
  createTime: "1970-01-01T00:00:01Z",
  updateTime: "1970-01-01T00:00:02Z",
  etag: '"1"',
};

/** One for each kind: a new kind does not compile before it is here. */
const cases: Record<
  SampleItemEvent["kind"],
  { event: SampleItemEvent; schema: DescMessage; message: Record<string, unknown> }
> = {
  created: {
    event: { kind: "created", sampleItem },
    schema: SampleItemCreatedSchema,
    message: { sampleItem: sampleItemMessage },
  },
};

describe("toOutgoing", () => {
  const toOutgoing = createToOutgoing({ newId: () => "event-1" });
  for (const [kind, { event, schema, message }] of Object.entries(cases)) {
    it(`writes ${schema.name} as the contract has it`, () => {
      assert.equal(event.kind, kind);
      const { payload, ...outgoing } = toOutgoing(event);
      assert.deepEqual(outgoing, { id: "event-1", type: schema.typeName, aggregate: "sampleItems/1", version: 1 });
      assert.deepEqual(toJson(schema, fromBinary(schema, payload)), message);
    });
  }
});
