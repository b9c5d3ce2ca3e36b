import type { Session } from "../domain/session.ts";
import type { User } from "../domain/user.ts";

/** When the built users and sessions begin. */
export const beginTime = Date.UTC(2026, 0, 1);

/** A customer. */
export function aUser(changes: Partial<User> = {}): User {
  return {
    id: "ada",
    email: "ada@example.org",
    displayName: "Ada",
    role: "CUSTOMER",
    passwordHash: "$argon2id$old",
    version: 3,
    sessionEpoch: 1,
    createTime: beginTime,
    updateTime: beginTime,
    ...changes,
  };
}

/** A session of that customer. */
export function aSession(changes: Partial<Session> = {}): Session {
  return {
    id: "s1",
    userId: "ada",
    epoch: 1,
    version: 5,
    refreshTokenHash: "current",
    createTime: beginTime,
    refreshTime: beginTime + 1_000,
    expireTime: beginTime + 100_000,
    ...changes,
  };
}
