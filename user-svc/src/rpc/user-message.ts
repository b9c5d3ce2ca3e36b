import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { toName } from "@quartet/chassis/resource-name";
import { toEtag } from "@quartet/chassis/rpc/etag";
import {
  type Session as SessionMessage,
  SessionSchema,
  User_Role,
  type User as UserMessage,
  UserSchema,
} from "@quartet/proto/shop/user/v1/user_pb";
import type { OpenedSession } from "../app/create-session.ts";
import type { Session } from "../domain/session.ts";
import type { Role, User } from "../domain/user.ts";

const roles: Readonly<Record<Role, User_Role>> = { CUSTOMER: User_Role.CUSTOMER, ADMIN: User_Role.ADMIN };

/** Returns the message of a user. */
export function toUserMessage(user: User): UserMessage {
  return create(UserSchema, {
    name: toName("users", user.id),
    email: user.email,
    displayName: user.displayName,
    role: roles[user.role],
    createTime: timestampFromMs(user.createTime),
    updateTime: timestampFromMs(user.updateTime),
    etag: toEtag(user.version),
  });
}

/** Returns the message of a session as lists show it, without secrets. */
export function toSessionMessage(session: Session): SessionMessage {
  return create(SessionSchema, fieldsOf(session));
}

/** Returns the message of a session just opened or renewed, with its secrets. */
export function toOpenedSessionMessage(opened: OpenedSession): SessionMessage {
  return create(SessionSchema, {
    ...fieldsOf(opened.session),
    accessToken: opened.accessToken,
    accessTokenExpireTime: timestampFromMs(opened.accessTokenExpireTime),
    refreshToken: opened.refreshToken,
  });
}

function fieldsOf(session: Session): MessageInitShape<typeof SessionSchema> {
  return {
    name: toName("sessions", session.id),
    user: toName("users", session.userId),
    refreshTokenExpireTime: timestampFromMs(session.expireTime),
    createTime: timestampFromMs(session.createTime),
    refreshTime: timestampFromMs(session.refreshTime),
  };
}
