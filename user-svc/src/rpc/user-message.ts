import { create } from "@bufbuild/protobuf";
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

/** Returns the message of a session just opened, with its secrets. */
export function toSessionMessage(opened: OpenedSession): SessionMessage {
  return create(SessionSchema, {
    name: toName("sessions", opened.session.id),
    user: toName("users", opened.session.userId),
    accessToken: opened.accessToken,
    accessTokenExpireTime: timestampFromMs(opened.accessTokenExpireTime),
    refreshToken: opened.refreshToken,
    refreshTokenExpireTime: timestampFromMs(opened.session.expireTime),
  });
}
