import { createHash } from "node:crypto";
import { DomainError } from "@quartet/chassis/domain-error";
import { openSession, type Session } from "../domain/session.ts";
import { normalizeEmail } from "../domain/user.ts";
import type { AccessTokenSigner, PasswordHasher, UserQueries, UserStore } from "./ports.ts";

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
 * `unauthenticated` INVALID_CREDENTIALS.
 */
export function createCreateSession(deps: {
  users: Pick<UserStore, "addSession">;
  queries: Pick<UserQueries, "findByEmail">;
  passwords: PasswordHasher;
  signer: AccessTokenSigner;
  accessTokenLifetimeMs: number;
  refreshTokenLifetimeMs: number;
  now: () => number;
  newId: () => string;
  newRefreshToken: () => string;
}): CreateSession {
  return async ({ email, password }) => {
    const user = await deps.queries.findByEmail(normalizeEmail(email));
    const isRight = await deps.passwords.verify(password, user?.passwordHash);
    if (user === undefined || !isRight) {
      throw new DomainError("unauthenticated", "INVALID_CREDENTIALS", "e-mail address or password is wrong");
    }
    const now = deps.now();
    const refreshToken = deps.newRefreshToken();
    const refreshTokenHash = createHash("sha256").update(refreshToken).digest("base64url");
    const session = openSession(
      { id: deps.newId(), userId: user.id, refreshTokenHash },
      now,
      deps.refreshTokenLifetimeMs,
    );
    const accessTokenExpireTime = now + deps.accessTokenLifetimeMs;
    const accessToken = await deps.signer.sign({ user, sessionId: session.id, expireTime: accessTokenExpireTime });
    await deps.users.addSession(session);
    return { session, accessToken, accessTokenExpireTime, refreshToken };
  };
}
