import { type DomainError, invalidField, requireVersion } from "@quartet/chassis/domain-error";
import {
  type DeletedUser,
  emailTaken,
  normalizeEmail,
  type User,
  type UserDecision,
  type UserEvent,
  userNotFound,
} from "./user.ts";

/** What a user changes of their account. What is left out stays. */
export interface UserChanges {
  readonly email?: string;
  readonly displayName?: string;
}

/**
 * Changes address and name. What changes nothing leaves the version and says nothing. Throws `not_found` USER_NOT_FOUND,
 * `aborted` ETAG_MISMATCH, and `already_exists` EMAIL_TAKEN when another user has the new address.
 */
export function updateUser(
  user: User | undefined,
  userId: string,
  changes: UserChanges & { readonly emailOwner: User | undefined; readonly expectedVersion: number | undefined },
  now: number,
): UserDecision {
  if (user === undefined) throw userNotFound(userId);
  requireVersion(user.version, changes.expectedVersion);
  const email = changes.email === undefined ? user.email : normalizeEmail(changes.email);
  const displayName = changes.displayName ?? user.displayName;
  if (email === user.email && displayName === user.displayName) return { next: user, events: [] };
  if (changes.emailOwner !== undefined && changes.emailOwner.id !== user.id) throw emailTaken("user.email");
  const next = { ...user, email, displayName, version: user.version + 1, updateTime: now };
  return { next, events: [eventOf("updated", next)] };
}

/**
 * Gives a user a new password and ends their sessions. `verifiedHash` is the hash that the current password was checked
 * against: throws `invalid` WRONG_PASSWORD when the user has another one by now, and `not_found` USER_NOT_FOUND.
 */
export function changePassword(
  user: User | undefined,
  userId: string,
  passwords: { readonly verifiedHash: string; readonly newHash: string },
  now: number,
): UserDecision {
  if (user === undefined) throw userNotFound(userId);
  if (user.passwordHash !== passwords.verifiedHash) throw wrongPassword();
  const next = withPassword(user, passwords.newHash, now);
  return { next, events: [eventOf("passwordChanged", next)] };
}

/** Makes a user an administrator with a new password and ends their sessions. */
export function makeAdministrator(user: User, passwordHash: string, now: number): UserDecision {
  const promoted: User =
    user.role === "ADMIN" ? user : { ...user, role: "ADMIN", version: user.version + 1, updateTime: now };
  const next = withPassword(promoted, passwordHash, now);
  const events = [eventOf("passwordChanged", next)];
  return { next, events: promoted === user ? events : [eventOf("updated", promoted), ...events] };
}

/** Deletes an account. Throws `not_found` USER_NOT_FOUND and `aborted` ETAG_MISMATCH. */
export function deleteUser(
  user: User | undefined,
  userId: string,
  expectedVersion: number | undefined,
  now: number,
): { readonly next: DeletedUser; readonly events: readonly UserEvent[] } {
  if (user === undefined) throw userNotFound(userId);
  requireVersion(user.version, expectedVersion);
  const next = { id: user.id, version: user.version + 1, deleteTime: now };
  return { next, events: [{ kind: "deleted", userId, version: next.version, time: now }] };
}

/** An `invalid` error WRONG_PASSWORD: whoever changes a password has to know the current one. */
export function wrongPassword(): DomainError {
  return invalidField("WRONG_PASSWORD", "current_password", "is not the password of this account");
}

function withPassword(user: User, passwordHash: string, now: number): User {
  const [version, sessionEpoch] = [user.version + 1, user.sessionEpoch + 1];
  return { ...user, passwordHash, version, sessionEpoch, updateTime: now };
}

function eventOf(kind: UserEvent["kind"], user: User): UserEvent {
  return { kind, userId: user.id, version: user.version, time: user.updateTime };
}
