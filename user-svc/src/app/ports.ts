import type { RequestClaim } from "@quartet/chassis/storage/unit-of-work";
import type { Session } from "../domain/session.ts";
import type { User, UserDecision } from "../domain/user.ts";

/**
 * Keeps users and their sessions. Each write is one transaction: load, decide, save, append the events to the outbox, and
 * claim the request that caused it. A decision may be run more than once, so it must be pure.
 */
export interface UserStore {
  /** Saves a new user. A repeated request returns the user it made, as it is now. */
  create(
    email: string,
    request: RequestClaim | undefined,
    decide: (emailOwner: User | undefined) => UserDecision,
  ): Promise<User>;
  /** Saves the user with an address, new or changed, and ends all sessions of theirs. */
  put(email: string, decide: (user: User | undefined) => UserDecision): Promise<User>;
  /** Saves a session. */
  addSession(session: Session): Promise<void>;
  /** Removes up to `limit` sessions that expired before a time; resolves with how many. */
  removeExpiredSessions(beforeTime: number, limit: number): Promise<number>;
}

/** What the reads need. */
export interface UserQueries {
  get(userId: string): Promise<User | undefined>;
  findByEmail(email: string): Promise<User | undefined>;
}

/** Makes and checks password hashes. Both are slow on purpose, and only so many run at a time. */
export interface PasswordHasher {
  /** Throws `resource_exhausted` TOO_MANY_LOGINS when too many are waiting. */
  hash(password: string): Promise<string>;
  /**
   * Whether the password belongs to the hash. Without a hash it takes as long and says no, so that an answer does not
   * tell whether an account exists. Throws `resource_exhausted` TOO_MANY_LOGINS when too many are waiting.
   */
  verify(password: string, hash: string | undefined): Promise<boolean>;
}

/** Signs access tokens. */
export interface AccessTokenSigner {
  sign(claims: { user: User; sessionId: string; expireTime: number }): Promise<string>;
}
