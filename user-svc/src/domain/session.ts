/** A login. The refresh token itself is known to the caller only. Times are ms since the epoch. */
export interface Session {
  readonly id: string;
  readonly userId: string;
  /** SHA-256 of the refresh token, which is random and long enough not to need more. */
  readonly refreshTokenHash: string;
  readonly createTime: number;
  readonly expireTime: number;
}

/** Opens a session. */
export function openSession(
  input: Omit<Session, "createTime" | "expireTime">,
  now: number,
  lifetimeMs: number,
): Session {
  return { ...input, createTime: now, expireTime: now + lifetimeMs };
}
