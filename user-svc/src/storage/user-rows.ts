import type { Database } from "@quartet/chassis/storage/database";
import { eq, sql } from "@quartet/chassis/storage/drizzle";
import type { Session } from "../domain/session.ts";
import type { User } from "../domain/user.ts";
import { sessions, users } from "./schema.ts";

/** Loads users and sessions. Called inside and outside transactions. */
export function createUserRows({ orm }: Database) {
  const byId = orm
    .select()
    .from(users)
    .where(eq(users.id, sql.placeholder("id")))
    .prepare();
  const byEmail = orm
    .select()
    .from(users)
    .where(eq(users.email, sql.placeholder("email")))
    .prepare();
  const sessionById = orm
    .select()
    .from(sessions)
    .where(eq(sessions.id, sql.placeholder("id")))
    .prepare();
  return {
    user: (id: string): User | undefined => byId.get({ id }),
    userByEmail: (email: string): User | undefined => byEmail.get({ email }),
    session: (id: string): Session | undefined => sessionById.get({ id }),
  };
}
