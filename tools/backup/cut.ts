import BetterSqlite3 from "better-sqlite3";
import { StackError } from "../stack/stack-error.ts";

/** One moment of several databases, held open. */
export interface Cut {
  /** When it was, ms since the epoch. */
  readonly time: number;
  /** Copies one of the files as it was at that moment, however long that takes and whatever is written meanwhile. */
  copy(file: string, target: string): Promise<void>;
  close(): void;
}

const lockTimeoutDefaultMs = 5_000;

/**
 * Takes one moment of several databases that are in use. For the time it takes to open a snapshot of each, a few
 * milliseconds, all of their writers wait. So no file is ahead of another: whatever one knows of another is in both, and
 * what the copies need to agree is what was on its way between them, which the outboxes have. Throws a StackError when a
 * writer does not let go within `lockTimeoutMs` (5 s).
 */
export function takeCut(files: readonly string[], now: () => number, lockTimeoutMs = lockTimeoutDefaultMs): Cut {
  const writers: BetterSqlite3.Database[] = [];
  const readers = new Map<string, BetterSqlite3.Database>();
  try {
    for (const file of files) {
      const writer = new BetterSqlite3(file, { fileMustExist: true, timeout: lockTimeoutMs });
      writers.push(writer);
      writer.exec("BEGIN IMMEDIATE");
    }
    for (const file of files) {
      const reader = new BetterSqlite3(file, { fileMustExist: true });
      readers.set(file, reader);
      reader.exec("BEGIN");
      // The snapshot begins with the first read.
      reader.prepare("SELECT count(*) FROM sqlite_schema").get();
    }
    const time = now();
    return {
      time,
      async copy(file, target) {
        await readers.get(file)?.backup(target);
      },
      close: () => closeAll(readers.values()),
    };
  } catch (error) {
    closeAll(readers.values());
    throw new StackError(
      `No moment of all databases could be taken: ${error instanceof Error ? error.message : error}.`,
    );
  } finally {
    closeAll(writers);
  }
}

/** Closing ends the transaction. */
function closeAll(databases: Iterable<BetterSqlite3.Database>): void {
  for (const database of databases) database.close();
}
