import type { Database } from "@quartet/chassis/storage/database";
import { and, desc, eq, gt, lt } from "@quartet/chassis/storage/drizzle";
import type { SessionQueries, UserQueries } from "../app/ports.ts";
import { normalizeEmail } from "../domain/user.ts";
import { sessions, users } from "./schema.ts";
import { createUserRows } from "./user-rows.ts";

/** Creates the reads of users on SQLite. */
export function createUserQueries(options: { database: Database }): UserQueries {
  const { orm } = options.database;
  const load = createUserRows(options.database);
  return {
    get: async (userId) => load.user(userId),
    findByEmail: async (email) => load.userByEmail(email),
    list: async ({ email, afterId, limit }) =>
      orm
        .select()
        .from(users)
        .where(
          and(
            email === "" ? undefined : eq(users.email, normalizeEmail(email)),
            afterId === undefined ? undefined : lt(users.id, afterId),
          ),
        )
        .orderBy(desc(users.id))
        .limit(limit)
        .all(),
  };
}

/** Creates the reads of sessions on SQLite. */
export function createSessionQueries(options: { database: Database }): SessionQueries {
  const { orm } = options.database;
  const load = createUserRows(options.database);
  return {
    async find(sessionId) {
      const session = load.session(sessionId);
      return session && { session, user: load.user(session.userId) };
    },
    async list({ userId, time, afterId, limit }) {
      const user = load.user(userId);
      if (user === undefined) return [];
      return orm
        .select()
        .from(sessions)
        .where(
          and(
            eq(sessions.userId, userId),
            eq(sessions.epoch, user.sessionEpoch),
            gt(sessions.expireTime, time),
            afterId === undefined ? undefined : lt(sessions.id, afterId),
          ),
        )
        .orderBy(desc(sessions.id))
        .limit(limit)
        .all();
    },
  };
}
