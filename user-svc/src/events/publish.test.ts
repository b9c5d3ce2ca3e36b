import assert from "node:assert/strict";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { UserCreatedSchema } from "@quartet/proto/shop/user/v1/user_events_pb";
import { describe, it } from "mocha";
import { createToOutgoing } from "./publish.ts";

describe("toOutgoing", () => {
  it("writes UserCreated as the contract has it", () => {
    const toOutgoing = createToOutgoing({ newId: () => "event-1" });
    const { payload, ...outgoing } = toOutgoing({ kind: "created", userId: "ada", version: 1, time: 1_000 });
    const type = UserCreatedSchema.typeName;
    assert.deepEqual(outgoing, { id: "event-1", type, aggregate: "users/ada", version: 1 });
    assert.deepEqual(toJson(UserCreatedSchema, fromBinary(UserCreatedSchema, payload)), {
      user: "users/ada",
      version: "1",
      createTime: "1970-01-01T00:00:01Z",
    });
  });
});
