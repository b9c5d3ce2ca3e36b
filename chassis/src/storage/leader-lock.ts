import BetterSqlite3 from "better-sqlite3";
import { failPoint } from "../fail-point.ts";
import { isBusy } from "./database-errors.ts";

/** Decides which of several processes on one database runs what must run once: relay, timers, clean-up. */
export interface LeaderLock {
  /** Whether this process holds the lock. It keeps it until it stops or dies. */
  readonly isLeader: boolean;
  /** Calls the listener when this process becomes the leader and when it stops being it. */
  onChange(listener: (leader: boolean) => void): void;
  /** Tries for the lock at once and then again and again. Throws when the lock file cannot be opened. */
  start(): void;
  /** Stops trying, tells the listeners and frees the lock. */
  stop(): Promise<void>;
}

/** What {@link createLeaderLock} needs. */
export interface LeaderLockOptions {
  /** The database's file; the lock is on a file beside it. ":memory:" belongs to this process anyway. */
  readonly file: string;
  /** Told why an attempt failed, when it is not that another process leads; the same failure is told once. */
  readonly onError: (error: unknown) => void;
  /** Pause between two attempts. */
  readonly retryIntervalMs?: number;
}

const defaultRetryIntervalMs = 200;

/**
 * An exclusive transaction on a side file. The operating system frees the lock when the process dies, however it dies,
 * so there is no lease to expire and no clock to trust. The side file must not be deleted while anybody runs.
 */
export function createLeaderLock(options: LeaderLockOptions): LeaderLock {
  const lockFile = options.file === ":memory:" ? ":memory:" : `${options.file}.lock`;
  const retryIntervalMs = options.retryIntervalMs ?? defaultRetryIntervalMs;
  const listeners: ((leader: boolean) => void)[] = [];
  let connection: BetterSqlite3.Database | undefined;
  let timer: NodeJS.Timeout | undefined;
  let leader = false;
  let lastCause: string | undefined;

  function change(to: boolean): void {
    leader = to;
    for (const listener of listeners) listener(to);
  }

  function attempt(isFirst: boolean): void {
    try {
      connection?.exec("BEGIN EXCLUSIVE");
    } catch (error) {
      if (!isBusy(error)) {
        if (isFirst) throw error;
        if (String(error) !== lastCause) options.onError(error);
        lastCause = String(error);
      }
      timer = setTimeout(attempt, retryIntervalMs, false);
      return;
    }
    failPoint("leader.after-lock");
    change(true);
  }

  return {
    get isLeader() {
      return leader;
    },
    onChange(listener) {
      listeners.push(listener);
    },
    start() {
      if (connection !== undefined) return;
      connection = new BetterSqlite3(lockFile, { timeout: 0 });
      attempt(true);
    },
    async stop() {
      clearTimeout(timer);
      if (leader) change(false);
      connection?.close();
      connection = undefined;
    },
  };
}
