import BetterSqlite3 from "better-sqlite3";
import { failPoint } from "../fail-point.ts";
import { isBusy } from "./database-errors.ts";
import { type BetterSQLite3Database, drizzle } from "./drizzle.ts";
import {
  type CommitListener,
  createGroupCommit,
  type GroupCommitLimits,
  groupCommitLimits,
  type Synchronous,
} from "./group-commit.ts";

/** One SQLite file, opened once per process. Reads go through `orm` or `sqlite` directly, writes through `transact`. */
export interface Database {
  /** Path of the file, or ":memory:". */
  readonly file: string;
  /** The connection, for prepared statements. */
  readonly sqlite: BetterSqlite3.Database;
  /** Drizzle over the same connection. */
  readonly orm: BetterSQLite3Database;
  /**
   * Runs a synchronous work in a transaction and resolves with its result after the COMMIT is on disk. Works queued in
   * the same turn share a transaction, each in a savepoint: one that throws is rolled back alone and its error is
   * rejected. `alone` keeps neighbours out of the transaction. While works of calls and others wait, calls get every fifth turn.
   *
   * Rejects all of a transaction with unavailable DATABASE_UNAVAILABLE when it could not be committed; with unavailable
   * DATABASE_BUSY when another process kept writing; with resource_exhausted DATABASE_OVERLOADED when too many wait; with
   * deadline_exceeded DEADLINE_EXCEEDED when the deadline of the call that it belongs to passes, or its caller goes, before
   * the work was begun: a work never begins after that.
   */
  transact<T>(work: () => Synchronous<T>, options?: { readonly alone?: boolean }): Promise<T>;
  /** Calls the listener after each successful COMMIT of `transact`, with its duration. It must not throw. */
  onCommit(listener: CommitListener): void;
  /** Finishes the queue, moves the write-ahead log into the file, so that the file alone is a backup, and closes. */
  close(): Promise<void>;
}

/** What {@link openDatabase} needs. */
export interface OpenDatabaseOptions {
  /** Path of the file, which is created when missing. ":memory:" for tests. */
  readonly file: string;
  /** Bounds of the queue of writes, where they differ from the usual ones. */
  readonly limits?: Partial<GroupCommitLimits>;
}

// Waiting inside SQLite stops the event loop, so it is short; waiting for another process happens between attempts.
const busyTimeoutMs = 10;
// A log that a long reader made grow is cut back to this once it was moved into the file.
const logSizeMaxBytes = 64 * 1024 * 1024;
const openTimeoutMs = 5_000;
const openRetryDelayMs = 10;

/** Opens the file with the settings that durability and correctness rest on. Throws when it is no usable database. */
export function openDatabase(options: OpenDatabaseOptions): Database {
  const sqlite = new BetterSqlite3(options.file, { timeout: openTimeoutMs });
  try {
    prepare(sqlite);
  } catch (error) {
    sqlite.close();
    throw error;
  }
  const groupCommit = createGroupCommit(sqlite, { ...groupCommitLimits, ...options.limits });
  let closing: Promise<void> | undefined;

  async function drainAndClose(): Promise<void> {
    await groupCommit.drain();
    failPoint("database.before-checkpoint");
    try {
      sqlite.pragma("wal_checkpoint(TRUNCATE)");
      failPoint("database.after-checkpoint");
    } finally {
      sqlite.close();
    }
  }

  return {
    file: options.file,
    sqlite,
    orm: drizzle(sqlite),
    transact: groupCommit.transact,
    onCommit: groupCommit.onCommit,
    close() {
      closing ??= drainAndClose();
      return closing;
    },
  };
}

function prepare(sqlite: BetterSqlite3.Database): void {
  switchToWriteAheadLog(sqlite);
  // The default of WAL is NORMAL, which may lose the last commits at a power cut: their events may be published already.
  sqlite.pragma("synchronous = FULL");
  sqlite.pragma("foreign_keys = ON");
  sqlite.pragma("trusted_schema = OFF");
  sqlite.pragma(`journal_size_limit = ${logSizeMaxBytes}`);
  sqlite.pragma(`busy_timeout = ${busyTimeoutMs}`);
}

/** SQLite does not always honour the busy timeout here when two processes open a new file at once. */
function switchToWriteAheadLog(sqlite: BetterSqlite3.Database): void {
  const endTime = performance.now() + openTimeoutMs;
  const pause = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  for (;;) {
    try {
      sqlite.pragma("journal_mode = WAL");
      return;
    } catch (error) {
      if (!isBusy(error) || performance.now() >= endTime) throw error;
      Atomics.wait(pause, 0, 0, openRetryDelayMs);
    }
  }
}
