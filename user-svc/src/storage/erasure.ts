import { failPoint } from "@quartet/chassis/fail-point";
import type { Database } from "@quartet/chassis/storage/database";
import { and, isNull, lt } from "@quartet/chassis/storage/drizzle";
import { deletedUsers } from "./schema.ts";

/**
 * Makes SQLite overwrite with zeros what is deleted or replaced from now on. To be called on every connection that
 * writes, before it does.
 */
export function overwriteDeleted({ sqlite }: Database): void {
  sqlite.pragma("secure_delete = ON");
}

/**
 * Moves the write-ahead log into the file and cuts it to nothing, and with it all earlier contents of the file's pages.
 * While another process reads or writes it does not always succeed: to be repeated.
 */
export function emptyLog({ sqlite }: Database): void {
  sqlite.pragma("wal_checkpoint(TRUNCATE)");
}

/**
 * Rewrites the file when accounts were deleted since it was rewritten last; resolves with whether it did. SQLite copies
 * rows between pages and leaves the old copies where nothing is: they are few, but nothing else removes them for sure.
 * Everybody else has to wait, about 3 s for a million accounts.
 */
export async function vacuumAfterDeletions(database: Database, now: number): Promise<boolean> {
  const { orm, sqlite } = database;
  const isBeforeVacuum = and(isNull(deletedUsers.vacuumTime), lt(deletedUsers.deleteTime, now));
  if (orm.select().from(deletedUsers).where(isBeforeVacuum).limit(1).get() === undefined) return false;
  failPoint("erasure.before-vacuum");
  sqlite.exec("VACUUM");
  failPoint("erasure.after-vacuum");
  await database.transact(() => orm.update(deletedUsers).set({ vacuumTime: now }).where(isBeforeVacuum).run());
  emptyLog(database);
  return true;
}
