import { DomainError } from "@quartet/chassis/domain-error";
import { endSession, isLive } from "../domain/session.ts";
import type { SessionStore } from "./ports.ts";

export type DeleteSession = (sessionId: string, mayEnd: (userId: string) => boolean) => Promise<void>;

/**
 * Creates the command that logs out. `mayEnd` says whether the caller may end a session of a user; throws `not_found`
 * SESSION_NOT_FOUND when not, and when there is no such session or it has ended.
 */
export function createDeleteSession(deps: {
  sessions: Pick<SessionStore, "update">;
  now: () => number;
}): DeleteSession {
  return async (sessionId, mayEnd) => {
    const now = deps.now();
    await deps.sessions.update(sessionId, (session, user) => {
      const isThere = session !== undefined && isLive(session, user, now) && mayEnd(session.userId);
      if (!isThere) throw sessionNotFound(sessionId);
      return endSession(session, "LOGGED_OUT", now);
    });
  };
}

function sessionNotFound(sessionId: string): DomainError {
  const name = `sessions/${sessionId}`;
  return new DomainError("not_found", "SESSION_NOT_FOUND", `${name} does not exist`, { metadata: { session: name } });
}
