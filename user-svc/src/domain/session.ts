import { DomainError } from "@quartet/chassis/domain-error";
import type { User } from "./user.ts";

/** A login. The refresh token itself is known to the caller only. Times are ms since the epoch. */
export interface Session {
  readonly id: string;
  readonly userId: string;
  /** That of the user when the session began. It counts only while the user has the same one. */
  readonly epoch: number;
  /** 1 when opened, and one more by each renewal. Also the generation of the one refresh token that is good. */
  readonly version: number;
  /** SHA-256 of that refresh token, which is random and long enough not to need more. */
  readonly refreshTokenHash: string;
  readonly createTime: number;
  readonly refreshTime: number;
  readonly expireTime: number;
}

/** Why a session ended before its time. */
export type EndReason = "LOGGED_OUT" | "TOKEN_REUSED" | "PASSWORD_CHANGED" | "USER_DELETED";

/** The fact that a session ended before its time, to be published. */
export interface SessionEvent {
  readonly kind: "revoked";
  readonly sessionId: string;
  readonly userId: string;
  readonly version: number;
  readonly reason: EndReason;
  readonly time: number;
}

/** What a decision about a session comes to. Without `next` it is gone. */
export interface SessionDecision {
  readonly next: Session | undefined;
  readonly events: readonly SessionEvent[];
}

/** How long sessions last. */
export interface SessionLifetimes {
  /** From each renewal. */
  readonly refreshTokenLifetimeMs: number;
  /** From the login, however often it is renewed. */
  readonly sessionLifetimeMs: number;
}

/**
 * Opens a session for the user whose password was checked. Throws `unauthenticated` INVALID_CREDENTIALS when the user is
 * gone or has another password by now.
 */
export function openSession(
  user: User | undefined,
  input: { readonly id: string; readonly checked: User; readonly refreshTokenHash: string },
  now: number,
  lifetimes: SessionLifetimes,
): Session {
  const { id, checked, refreshTokenHash } = input;
  if (user === undefined || user.sessionEpoch !== checked.sessionEpoch) throw invalidCredentials();
  return {
    id,
    userId: user.id,
    epoch: user.sessionEpoch,
    version: 1,
    refreshTokenHash,
    createTime: now,
    refreshTime: now,
    expireTime: expireTimeOf(now, now, lifetimes),
  };
}

/** Whether a session can still be renewed. */
export function isLive(session: Session, user: User | undefined, now: number): boolean {
  return session.epoch === user?.sessionEpoch && now < session.expireTime;
}

/**
 * Renews a session by its refresh token, which is then used up for the next one. A token of an earlier generation comes
 * a second time: somebody has a copy, so the session ends. Whatever else is not the token of a live session changes
 * nothing.
 */
export function renewSession(
  session: Session | undefined,
  user: User | undefined,
  tokens: { readonly generation: number; readonly hash: string; readonly nextHash: string },
  now: number,
  lifetimes: SessionLifetimes,
): SessionDecision {
  if (session === undefined || !isLive(session, user, now)) return { next: session, events: [] };
  if (tokens.generation < session.version) return endSession(session, "TOKEN_REUSED", now);
  // The clock may have been set back.
  const refreshTime = Math.max(now, session.refreshTime);
  const expireTime = expireTimeOf(session.createTime, refreshTime, lifetimes);
  const isCurrent = tokens.generation === session.version && tokens.hash === session.refreshTokenHash;
  if (!isCurrent || expireTime <= now) return { next: session, events: [] };
  const [version, refreshTokenHash] = [session.version + 1, tokens.nextHash];
  return { next: { ...session, version, refreshTokenHash, refreshTime, expireTime }, events: [] };
}

/** Ends a session before its time. */
export function endSession(session: Session, reason: EndReason, now: number): SessionDecision {
  const { id: sessionId, userId, version } = session;
  return { next: undefined, events: [{ kind: "revoked", sessionId, userId, version: version + 1, reason, time: now }] };
}

/** An `unauthenticated` error INVALID_CREDENTIALS, the same for an unknown address and a wrong password. */
export function invalidCredentials(): DomainError {
  return new DomainError("unauthenticated", "INVALID_CREDENTIALS", "e-mail address or password is wrong");
}

function expireTimeOf(createTime: number, refreshTime: number, lifetimes: SessionLifetimes): number {
  return Math.min(refreshTime + lifetimes.refreshTokenLifetimeMs, createTime + lifetimes.sessionLifetimeMs);
}
