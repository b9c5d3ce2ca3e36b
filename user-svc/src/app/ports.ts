import type { RequestClaim } from "@quartet/chassis/storage/unit-of-work";
import type { Session, SessionDecision } from "../domain/session.ts";
import type { DeletedUser, User, UserDecision, UserEvent } from "../domain/user.ts";

/**
 * Keeps users. Each write is one transaction: load, decide, save, append the events to the outbox, and claim the request
 * that caused it. A decision may be run more than once, so it must be pure. When it takes a user to another session
 * epoch, the sessions of the old one have ended: some are told of and removed at once, the rest by
 * {@link SessionStore.removeEnded}.
 */
export interface UserStore {
  /**
   * Saves a new user. A repeated request returns the user it made, as it is now; throws `not_found` USER_NOT_FOUND when
   * that one was deleted.
   */
  create(
    email: string,
    request: RequestClaim | undefined,
    decide: (emailOwner: User | undefined) => UserDecision,
  ): Promise<User>;
  /**
   * Changes a user; a decision for the user as it is writes nothing. It is told who has `email`. The session
   * `keptSessionId` of the user goes on in the new epoch.
   */
  update(
    userId: string,
    options: { readonly email?: string; readonly keptSessionId?: string },
    decide: (user: User | undefined, emailOwner: User | undefined) => UserDecision,
  ): Promise<User>;
  /** Saves the user with an address, new or changed. */
  put(email: string, decide: (user: User | undefined) => UserDecision): Promise<User>;
  /** Deletes a user and everything personal of theirs, what requests said included. */
  delete(
    userId: string,
    decide: (user: User | undefined) => { readonly next: DeletedUser; readonly events: readonly UserEvent[] },
  ): Promise<void>;
}

/** Keeps sessions, in the manner of {@link UserStore}. */
export interface SessionStore {
  /** Saves a new session of a user. */
  open(userId: string, decide: (user: User | undefined) => Session): Promise<Session>;
  /** Changes or ends a session; the decision gets it and its user. Resolves with what was decided. */
  update(
    sessionId: string,
    decide: (session: Session | undefined, user: User | undefined) => SessionDecision,
  ): Promise<SessionDecision>;
  /** Removes up to `limit` sessions that expired before a time; resolves with how many. */
  removeExpired(beforeTime: number, limit: number): Promise<number>;
  /** Tells of and removes up to `limit` sessions of one epoch that is over. Resolves with whether there was one. */
  removeEnded(limit: number): Promise<boolean>;
}

/** What the reads need. */
export interface UserQueries {
  get(userId: string): Promise<User | undefined>;
  findByEmail(email: string): Promise<User | undefined>;
  /** Up to `limit` users, newest first, after the user `afterId`; all, or the one with an address. */
  list(query: { email: string; afterId: string | undefined; limit: number }): Promise<readonly User[]>;
}

/** What the reads of sessions need. */
export interface SessionQueries {
  find(sessionId: string): Promise<{ readonly session: Session; readonly user: User | undefined } | undefined>;
  /** Up to `limit` sessions of a user that can be renewed at a time, newest first, after the session `afterId`. */
  list(query: {
    userId: string;
    time: number;
    afterId: string | undefined;
    limit: number;
  }): Promise<readonly Session[]>;
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

/** Makes and reads refresh tokens. */
export interface RefreshTokens {
  /** Makes up the token of a generation of a session, whose id is a UUID. */
  create(sessionId: string, generation: number): RefreshToken;
  /** Reads a token that this service made; undefined for anything else. Whether it is still good it does not say. */
  read(text: string): RefreshToken | undefined;
}

/** A refresh token. */
export interface RefreshToken {
  /** What the caller gets, up to 100 characters. */
  readonly text: string;
  readonly sessionId: string;
  readonly generation: number;
  /** SHA-256 of the text. */
  readonly hash: string;
}

/** Signs access tokens. */
export interface AccessTokenSigner {
  sign(claims: { user: User; sessionId: string; expireTime: number }): Promise<string>;
}
