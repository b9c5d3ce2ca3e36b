import type { Database } from "@quartet/chassis/storage/database";
import { eq, sql } from "@quartet/chassis/storage/drizzle";
import type { User } from "../domain/user.ts";
import { users } from "./schema.ts";

/** Loads users. Called inside and outside transactions. */
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
  return {
    user: (id: string): User | undefined => byId.get({ id }),
    userByEmail: (email: string): User | undefined => byEmail.get({ email }),
  };
}
