import { AsyncLocalStorage } from "node:async_hooks";
import type BetterSqlite3 from "better-sqlite3";
import { failPoint } from "../fail-point.ts";
import { currentContext } from "../work-context.ts";
import {
  callerNoLongerWaits,
  databaseClosed,
  databaseOverloaded,
  databaseUnavailable,
  isBusy,
} from "./database-errors.ts";
import { createWorkQueue, type Waiting } from "./work-queue.ts";

/** Turns the type of a promise into one that no function can have, so that a transaction cannot be asynchronous. */
export type Synchronous<T> = T extends PromiseLike<unknown> ? never : T;

/** Bounds of the queue of writes. */
export interface GroupCommitLimits {
  /** Works in one transaction. */
  readonly batchMax: number;
  /** After how long a transaction is committed though more work waits, so that the event loop stays responsive. */
  readonly batchTimeMaxMs: number;
  /** Works waiting; one more is refused with resource_exhausted DATABASE_OVERLOADED. */
  readonly queueMax: number;
  /** How long a work waits while another process writes, before unavailable DATABASE_BUSY. */
  readonly busyWaitMaxMs: number;
  /** Pause between two attempts to get the write lock from another process. */
  readonly busyRetryDelayMs: number;
}

/** The limits in use when none are given. */
export const groupCommitLimits: GroupCommitLimits = {
  batchMax: 64,
  batchTimeMaxMs: 5,
  queueMax: 10_000,
  busyWaitMaxMs: 5_000,
  busyRetryDelayMs: 5,
};

/** Hears of a COMMIT that succeeded, and how long it took. */
export type CommitListener = (commit: { readonly durationMs: number }) => void;

/** The queue in front of the one connection that writes. */
export interface GroupCommit {
  /** See {@link Database.transact}. */
  transact<T>(work: () => Synchronous<T>, options?: { readonly alone?: boolean }): Promise<T>;
  /** See {@link Database.onCommit}. */
  onCommit(listener: CommitListener): void;
  /** Refuses new work and resolves when the queue is empty. */
  drain(): Promise<void>;
}

interface Entry extends Waiting {
  readonly work: () => unknown;
  readonly alone: boolean;
  readonly queueTime: number;
  /** Whether nobody waits for it any more. */
  readonly isOver: () => boolean;
  /** What the caller is doing, see WorkContext. */
  readonly name: string | undefined;
  readonly inContext: (run: () => unknown) => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly entry: Entry; readonly value: unknown } | { readonly entry: Entry; readonly error: unknown };

/** Queues synchronous works for one connection and commits those that wait together in one transaction. */
export function createGroupCommit(sqlite: BetterSqlite3.Database, limits: GroupCommitLimits): GroupCommit {
  const statements = {
    begin: sqlite.prepare("BEGIN IMMEDIATE"),
    commit: sqlite.prepare("COMMIT"),
    rollback: sqlite.prepare("ROLLBACK"),
    savepoint: sqlite.prepare("SAVEPOINT work"),
    release: sqlite.prepare("RELEASE work"),
    undo: sqlite.prepare("ROLLBACK TO work"),
  };
  const listeners: CommitListener[] = [];
  const inOwnContext = AsyncLocalStorage.snapshot();
  const queue = createWorkQueue<Entry>();
  let scheduled = false;
  let drained: (() => void) | undefined;
  let draining: Promise<void> | undefined;

  function schedule(delayMs?: number): void {
    scheduled = true;
    inOwnContext(() => (delayMs === undefined ? setImmediate(flush) : setTimeout(flush, delayMs)));
  }

  function flush(): void {
    let delayMs: number | undefined;
    try {
      refuseOver();
      if (queue.size === 0) return;
      const failure = begin();
      if (failure === undefined) runBatch();
      else giveUpWaiting(failure);
      if (isBusy(failure)) delayMs = limits.busyRetryDelayMs;
    } finally {
      next(delayMs);
    }
  }

  /** Those that nobody waits for are refused before anything is begun: in an overload they would take the place of others. */
  function refuseOver(): void {
    for (const entry of queue.remove(({ isOver }) => isOver())) entry.reject(callerNoLongerWaits());
  }

  function begin(): unknown {
    try {
      failPoint("transaction.before-begin", () => queue.entries().map(({ name }) => name));
      statements.begin.run();
      return undefined;
    } catch (error) {
      return error;
    }
  }

  function next(delayMs?: number): void {
    scheduled = queue.size > 0;
    if (scheduled) schedule(delayMs);
    else drained?.();
  }

  /** Busy: only those that have waited too long are refused. Anything else that keeps BEGIN from working hits all. */
  function giveUpWaiting(error: unknown): void {
    const waitedTooLong = isBusy(error) ? performance.now() - limits.busyWaitMaxMs : Number.POSITIVE_INFINITY;
    const refused = queue.remove(({ queueTime }) => queueTime <= waitedTooLong);
    for (const entry of refused) entry.reject(databaseUnavailable(error));
  }

  function runBatch(): void {
    const outcomes: Outcome[] = [];
    const endTime = performance.now() + limits.batchTimeMaxMs;
    for (let taken = 0; ; taken += 1) {
      const isFull = taken >= limits.batchMax || performance.now() >= endTime;
      if (taken > 0 && (isFull || queue.peek()?.alone)) break;
      const entry = queue.take();
      if (entry === undefined) break;
      if (entry.isOver()) {
        entry.reject(callerNoLongerWaits());
        continue;
      }
      outcomes.push(runInSavepoint(entry));
      // Some errors (disk full, out of memory) make SQLite roll back everything: nobody in this batch is committed.
      if (!sqlite.inTransaction || entry.alone) break;
    }
    const commitTime = performance.now();
    const failure = commit(outcomes);
    settle(outcomes, { failure, durationMs: performance.now() - commitTime });
  }

  function runInSavepoint(entry: Entry): Outcome {
    try {
      statements.savepoint.run();
      const value = entry.inContext(entry.work);
      if (isPromise(value)) {
        value.then(undefined, () => undefined);
        throw new TypeError("the work of a transaction returned a promise: it must be synchronous");
      }
      statements.release.run();
      failPoint("transaction.after-work", entry.name);
      return { entry, value };
    } catch (error) {
      undo();
      return { entry, error };
    }
  }

  /** Takes back one work, or everything when that does not work. */
  function undo(): void {
    try {
      if (!sqlite.inTransaction) return;
      statements.undo.run();
      statements.release.run();
    } catch {
      abandon();
    }
  }

  /** When even this fails the next BEGIN says so to everybody. */
  function abandon(): void {
    try {
      if (sqlite.inTransaction) statements.rollback.run();
    } catch {}
  }

  /** Returns why nothing was committed, or undefined. */
  function commit(outcomes: readonly Outcome[]): unknown {
    try {
      if (!sqlite.inTransaction) throw lastError(outcomes) ?? new Error("the transaction was ended by a work");
      failPoint("transaction.before-commit", () => namesOf(outcomes));
      statements.commit.run();
      failPoint("transaction.after-commit", () => namesOf(outcomes));
      return undefined;
    } catch (error) {
      abandon();
      return error;
    }
  }

  function settle(
    outcomes: readonly Outcome[],
    { failure, durationMs }: { failure: unknown; durationMs: number },
  ): void {
    for (const outcome of outcomes) {
      if ("error" in outcome) outcome.entry.reject(outcome.error);
      else if (failure === undefined) outcome.entry.resolve(outcome.value);
      else outcome.entry.reject(databaseUnavailable(failure));
    }
    if (failure !== undefined) return;
    failPoint("transaction.before-listeners", () => namesOf(outcomes));
    for (const listener of listeners) listener({ durationMs });
  }

  return {
    transact<T>(work: () => Synchronous<T>, options: { readonly alone?: boolean } = {}): Promise<T> {
      if (draining !== undefined) return Promise.reject(databaseClosed());
      const { isOver, work: name } = currentContext() ?? {};
      if (isOver?.()) return Promise.reject(callerNoLongerWaits());
      if (queue.size >= limits.queueMax) return Promise.reject(databaseOverloaded());
      return new Promise<T>((resolve, reject) => {
        queue.push({
          work,
          alone: options.alone ?? false,
          queueTime: performance.now(),
          isAwaited: isOver !== undefined,
          isOver: isOver ?? never,
          name,
          inContext: AsyncLocalStorage.snapshot(),
          resolve: resolve as (value: unknown) => void,
          reject,
        });
        if (!scheduled) schedule();
      });
    },
    onCommit(listener) {
      const inContext = AsyncLocalStorage.snapshot();
      listeners.push((commit) => inContext(listener, commit));
    },
    drain() {
      draining ??= new Promise<void>((resolve) => {
        if (queue.size === 0) resolve();
        else drained = resolve;
      });
      return draining;
    },
  };
}

const never = () => false;

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

function namesOf(outcomes: readonly Outcome[]): (string | undefined)[] {
  return outcomes.map(({ entry }) => entry.name);
}

function lastError(outcomes: readonly Outcome[]): unknown {
  const last = outcomes.at(-1);
  return last !== undefined && "error" in last ? last.error : undefined;
}
