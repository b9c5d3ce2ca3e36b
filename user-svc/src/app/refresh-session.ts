import { DomainError } from "@quartet/chassis/domain-error";
import { renewSession, type SessionLifetimes } from "../domain/session.ts";
import type { OpenedSession } from "./create-session.ts";
import type { AccessTokenSigner, RefreshTokens, SessionQueries, SessionStore } from "./ports.ts";

export type RefreshSession = (refreshToken: string) => Promise<OpenedSession>;

/**
 * Creates the command that renews a session. Of several calls with one token exactly one is answered with a new token;
 * the others end the session. Whatever is wrong with a token, the answer is `unauthenticated` INVALID_REFRESH_TOKEN.
 */
export function createRefreshSession(deps: {
  sessions: Pick<SessionStore, "update">;
  queries: Pick<SessionQueries, "find">;
  signer: AccessTokenSigner;
  refreshTokens: RefreshTokens;
  lifetimes: SessionLifetimes & { readonly accessTokenLifetimeMs: number };
  now: () => number;
}): RefreshSession {
  const { lifetimes } = deps;
  return async (refreshToken) => {
    const used = deps.refreshTokens.read(refreshToken);
    const user = used && (await deps.queries.find(used.sessionId))?.user;
    if (used === undefined || user === undefined) throw invalidRefreshToken();
    const { sessionId, generation, hash } = used;
    const now = deps.now();
    const fresh = deps.refreshTokens.create(sessionId, generation + 1);
    const accessTokenExpireTime = now + lifetimes.accessTokenLifetimeMs;
    const accessToken = await deps.signer.sign({ user, sessionId, expireTime: accessTokenExpireTime });
    const { next: session } = await deps.sessions.update(sessionId, (found, owner) =>
      renewSession(found, owner, { generation, hash, nextHash: fresh.hash }, now, lifetimes),
    );
    if (session?.refreshTokenHash !== fresh.hash) throw invalidRefreshToken();
    return { session, accessToken, accessTokenExpireTime, refreshToken: fresh.text };
  };
}

function invalidRefreshToken(): DomainError {
  const message = "the refresh token is unknown or used up, or its session has ended";
  return new DomainError("unauthenticated", "INVALID_REFRESH_TOKEN", message);
}
