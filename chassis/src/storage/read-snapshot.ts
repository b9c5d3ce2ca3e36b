import { existsSync } from "node:fs";
import BetterSqlite3 from "better-sqlite3";

/**
 * Answers queries about a database file in one read transaction, so that all rows are of one moment, beside whoever
 * writes. Changes nothing in it. Throws when there is no such file.
 */
export function readSnapshot(
  file: string,
  queries: Readonly<Record<string, string>>,
): Readonly<Record<string, unknown[]>> {
  if (!existsSync(file)) throw new Error(`there is no ${file}`);
  // Not opened as read-only: then SQLite does not even load the CHECK constraints that integrity_check is to look at.
  const database = new BetterSqlite3(file, { fileMustExist: true });
  try {
    database.pragma("query_only = ON");
    const answer = () => Object.entries(queries).map(([name, sql]) => [name, database.prepare(sql).all()] as const);
    return Object.fromEntries(database.transaction(answer).deferred());
  } finally {
    database.close();
  }
}
