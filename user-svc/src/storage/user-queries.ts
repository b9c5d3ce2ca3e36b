import type { Database } from "@quartet/chassis/storage/database";
import type { UserQueries } from "../app/ports.ts";
import { createUserRows } from "./user-rows.ts";

/** Creates the reads of users on SQLite. */
export function createUserQueries(options: { database: Database }): UserQueries {
  const load = createUserRows(options.database);
  return {
    get: async (userId) => load.user(userId),
    findByEmail: async (email) => load.userByEmail(email),
  };
}
