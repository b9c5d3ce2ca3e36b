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
  readonly createTime: number;
  readonly updateTime: number;
}

/** A fact about a user, to be published. */
export interface UserEvent {
  readonly kind: "created";
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
  if (emailOwner !== undefined) {
    throw new DomainError("already_exists", "EMAIL_TAKEN", "another account has this e-mail address", {
      fields: [{ field: "email", description: "belongs to another account" }],
    });
  }
  const next: User = { id, ...input, email: normalizeEmail(input.email), version: 1, createTime: now, updateTime: now };
  return { next, events: [{ kind: "created", userId: id, version: 1, time: now }] };
}

/** Makes a user an administrator with a new password. */
export function makeAdministrator(user: User, passwordHash: string, now: number): UserDecision {
  return {
    next: { ...user, role: "ADMIN", passwordHash, version: user.version + 1, updateTime: now },
    events: [],
  };
}
