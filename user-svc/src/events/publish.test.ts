import assert from "node:assert/strict";
import { type DescMessage, fromBinary, toJson } from "@bufbuild/protobuf";
import {
  PasswordChangedSchema,
  SessionRevokedSchema,
  UserCreatedSchema,
  UserDeletedSchema,
  UserUpdatedSchema,
} from "@quartet/proto/shop/user/v1/user_events_pb";
import { describe, it } from "mocha";
import type { SessionEvent } from "../domain/session.ts";
import type { UserEvent } from "../domain/user.ts";
import { createToOutgoing } from "./publish.ts";

describe("toOutgoing", () => {
  const toOutgoing = createToOutgoing({ newId: () => "event-1" });
  const check = (event: UserEvent | SessionEvent, schema: DescMessage, aggregate: string, json: object) => {
    const { payload, ...outgoing } = toOutgoing(event);
    assert.deepEqual(outgoing, { id: "event-1", type: schema.typeName, aggregate, version: event.version });
    assert.deepEqual(toJson(schema, fromBinary(schema, payload)), json);
  };

  for (const [kind, schema, timeField] of [
    ["created", UserCreatedSchema, "createTime"],
    ["updated", UserUpdatedSchema, "updateTime"],
    ["deleted", UserDeletedSchema, "deleteTime"],
    ["passwordChanged", PasswordChangedSchema, "changeTime"],
  ] as const) {
    it(`writes ${schema.name} as the contract has it`, () => {
      check({ kind, userId: "ada", version: 2, time: 1_000 }, schema, "users/ada", {
        user: "users/ada",
        version: "2",
        [timeField]: "1970-01-01T00:00:01Z",
      });
    });
  }

  for (const reason of ["LOGGED_OUT", "TOKEN_REUSED", "PASSWORD_CHANGED", "USER_DELETED"] as const) {
    it(`writes SessionRevoked as the contract has it: ${reason}`, () => {
      const event = { kind: "revoked", sessionId: "s1", userId: "ada", version: 3, reason, time: 1_000 } as const;
      check(event, SessionRevokedSchema, "sessions/s1", {
        session: "sessions/s1",
        user: "users/ada",
        version: "3",
        reason: `REASON_${reason}`,
        revokeTime: "1970-01-01T00:00:01Z",
      });
    });
  }
});
