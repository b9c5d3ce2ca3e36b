import { DomainError } from "@quartet/chassis/domain-error";

/** What a user may do. */
export type Role = "CUSTOMER" | "ADMIN";

/** An account. Times are ms since the epoch. */
export interface User {
  readonly id: string;
  /** In lower case, unique among all users. */
  readonly email: string;
  readonly displayName: string;
  readonly role: Role;
  /** argon2id in PHC string form. */
  readonly passwordHash: string;
  readonly version: number;
  /** Sessions of another epoch have ended, however many there are. */
  readonly sessionEpoch: number;
  readonly createTime: number;
  readonly updateTime: number;
}

/** What is left of an account that was deleted: nothing personal. */
export interface DeletedUser {
  readonly id: string;
  readonly version: number;
  readonly deleteTime: number;
}

/** A fact about a user, to be published. */
export interface UserEvent {
  readonly kind: "created" | "updated" | "deleted" | "passwordChanged";
  readonly userId: string;
  readonly version: number;
  readonly time: number;
}

/** What a decision about a user comes to. */
export interface UserDecision {
  readonly next: User;
  readonly events: readonly UserEvent[];
}

/** What is known of a new user. */
export interface NewUser {
  readonly email: string;
  readonly displayName: string;
  readonly passwordHash: string;
  readonly role: Role;
}

/** The form in which e-mail addresses are kept and compared. */
export function normalizeEmail(email: string): string {
  return email.trim().toLowerCase();
}

/** Creates an account. Throws `already_exists` EMAIL_TAKEN when another user has the address. */
export function createUser(emailOwner: User | undefined, input: NewUser, id: string, now: number): UserDecision {
  if (emailOwner !== undefined) throw emailTaken("email");
  const next: User = {
    id,
    ...input,
    email: normalizeEmail(input.email),
    version: 1,
    sessionEpoch: 1,
    createTime: now,
    updateTime: now,
  };
  return { next, events: [{ kind: "created", userId: id, version: 1, time: now }] };
}

/** An `already_exists` error EMAIL_TAKEN about the field that holds the address. */
export function emailTaken(field: string): DomainError {
  return new DomainError("already_exists", "EMAIL_TAKEN", `${field}: another account has this e-mail address`, {
    fields: [{ field, description: "belongs to another account" }],
  });
}

/** A `not_found` error USER_NOT_FOUND. */
export function userNotFound(userId: string): DomainError {
  const name = `users/${userId}`;
  return new DomainError("not_found", "USER_NOT_FOUND", `${name} does not exist`, { metadata: { user: name } });
}
