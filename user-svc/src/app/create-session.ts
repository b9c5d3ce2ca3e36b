import { invalidCredentials, openSession, type Session, type SessionLifetimes } from "../domain/session.ts";
import { normalizeEmail } from "../domain/user.ts";
import type { AccessTokenSigner, PasswordHasher, RefreshTokens, SessionStore, UserQueries } from "./ports.ts";

/** A session as its owner gets to see it, once. */
export interface OpenedSession {
  readonly session: Session;
  readonly accessToken: string;
  readonly accessTokenExpireTime: number;
  readonly refreshToken: string;
}

export type CreateSession = (input: { readonly email: string; readonly password: string }) => Promise<OpenedSession>;

/**
 * Creates the command that logs in. An unknown address and a wrong password answer the same, after the same work:
 * `unauthenticated` INVALID_CREDENTIALS. So does a password that is changed while it is checked.
 */
export function createCreateSession(deps: {
  sessions: Pick<SessionStore, "open">;
  queries: Pick<UserQueries, "findByEmail">;
  passwords: PasswordHasher;
  signer: AccessTokenSigner;
  refreshTokens: Pick<RefreshTokens, "create">;
  lifetimes: SessionLifetimes & { readonly accessTokenLifetimeMs: number };
  now: () => number;
  newId: () => string;
}): CreateSession {
  const { lifetimes } = deps;
  return async ({ email, password }) => {
    const user = await deps.queries.findByEmail(normalizeEmail(email));
    const isRight = await deps.passwords.verify(password, user?.passwordHash);
    if (user === undefined || !isRight) throw invalidCredentials();
    const [id, now] = [deps.newId(), deps.now()];
    const { text: refreshToken, hash } = deps.refreshTokens.create(id, 1);
    const accessTokenExpireTime = now + lifetimes.accessTokenLifetimeMs;
    const accessToken = await deps.signer.sign({ user, sessionId: id, expireTime: accessTokenExpireTime });
    const session = await deps.sessions.open(user.id, (found) =>
      openSession(found, { id, checked: user, refreshTokenHash: hash }, now, lifetimes),
    );
    return { session, accessToken, accessTokenExpireTime, refreshToken };
  };
}
