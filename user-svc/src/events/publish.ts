import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createEventEncoder } from "@quartet/chassis/events/outgoing-event";
import { toName } from "@quartet/chassis/resource-name";
import type { OutgoingEvent } from "@quartet/chassis/storage/messages";
import {
  PasswordChangedSchema,
  SessionRevoked_Reason,
  SessionRevokedSchema,
  UserCreatedSchema,
  UserDeletedSchema,
  UserUpdatedSchema,
} from "@quartet/proto/shop/user/v1/user_events_pb";
import type { EndReason, SessionEvent } from "../domain/session.ts";
import type { UserEvent } from "../domain/user.ts";

const reasons: Readonly<Record<EndReason, SessionRevoked_Reason>> = {
  LOGGED_OUT: SessionRevoked_Reason.LOGGED_OUT,
  TOKEN_REUSED: SessionRevoked_Reason.TOKEN_REUSED,
  PASSWORD_CHANGED: SessionRevoked_Reason.PASSWORD_CHANGED,
  USER_DELETED: SessionRevoked_Reason.USER_DELETED,
};

/** Creates the encoder of this service's events. */
export function createToOutgoing(deps: { newId: () => string }): (event: UserEvent | SessionEvent) => OutgoingEvent {
  const encode = createEventEncoder(deps);
  return (event) => {
    const user = toName("users", event.userId);
    const version = BigInt(event.version);
    const time = timestampFromMs(event.time);
    switch (event.kind) {
      case "created":
        return encode(UserCreatedSchema, user, event.version, { user, version, createTime: time });
      case "updated":
        return encode(UserUpdatedSchema, user, event.version, { user, version, updateTime: time });
      case "deleted":
        return encode(UserDeletedSchema, user, event.version, { user, version, deleteTime: time });
      case "passwordChanged":
        return encode(PasswordChangedSchema, user, event.version, { user, version, changeTime: time });
      case "revoked": {
        const session = toName("sessions", event.sessionId);
        const reason = reasons[event.reason];
        return encode(SessionRevokedSchema, session, event.version, {
          session,
          user,
          version,
          reason,
          revokeTime: time,
        });
      }
    }
  };
}
