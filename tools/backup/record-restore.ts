import { readFileSync } from "node:fs";
import { join } from "node:path";
import BetterSqlite3 from "better-sqlite3";

const migration = join(import.meta.dirname, "../../chassis/migrations/0003_restores.sql");

/**
 * Lets services know, by their database files, that others may remember what they do not: all that happened until `time`, or
 * until the newest event in any of the files where that is later. What is in a backup was there before its restore, whatever
 * the clock of this machine says.
 */
export function recordRestore(files: readonly string[], time: number): void {
  const newest = files.map((file) => withDatabase(file, newestEventTime));
  const restoreTime = Math.max(time, ...newest);
  for (const file of files) {
    withDatabase(file, (database) => {
      database.pragma("synchronous = FULL");
      // A backup of an older version has no place for it yet.
      database.exec(readFileSync(migration, "utf8"));
      database.prepare("INSERT OR IGNORE INTO restores (time) VALUES (?)").run(restoreTime);
    });
  }
}

function newestEventTime(database: BetterSqlite3.Database): number {
  return database.prepare<[], number>("SELECT coalesce(max(create_time), 0) FROM outbox").pluck().get() ?? 0;
}

function withDatabase<T>(file: string, use: (database: BetterSqlite3.Database) => T): T {
  const database = new BetterSqlite3(file, { fileMustExist: true });
  try {
    return use(database);
  } finally {
    database.close();
  }
}
