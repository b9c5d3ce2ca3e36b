import type { Database } from "./database.ts";

/**
 * When the database was last put back from a backup, ms since the epoch; undefined when it never was. What happened before,
 * others may know of and this database may not.
 */
export function lastRestoreTime({ sqlite }: Database): number | undefined {
  return sqlite.prepare<[], number | null>("SELECT max(time) FROM restores").pluck().get() ?? undefined;
}
