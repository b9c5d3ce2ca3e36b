import { AsyncLocalStorage } from "node:async_hooks";
import type { TraceContext } from "./trace.ts";

/** What a piece of work carries along without passing it on: a call being served or a message being handled. */
export interface WorkContext {
  /** Where the work stands in its trace. Log lines, outgoing calls and outbox rows take it from here. */
  readonly trace: TraceContext;
  /** What is being done: the full name of a method, the type of a message, or what a worker says of itself. */
  readonly work?: string;
  /** When the caller stops waiting, ms since epoch. Outgoing calls never get more time than is left. */
  readonly deadlineTime?: number;
  /** Aborted when the caller has gone. Outgoing calls are cancelled with it. */
  readonly signal?: AbortSignal;
  /**
   * Whether nobody waits for the outcome any more: the deadline has passed, by the clock and not by a timer that may be
   * late, or the caller has gone. No transaction is begun then.
   */
  readonly isOver?: () => boolean;
}

const storage = new AsyncLocalStorage<WorkContext | undefined>();

/** Runs work, and everything it awaits, in context, or outside of any. Returns what work returns and lets its errors through. */
export function runInContext<T>(context: WorkContext | undefined, work: () => T): T {
  return storage.run(context, work);
}

/** The context of the work that calls it; undefined outside of any, as in timers of the process itself. */
export function currentContext(): WorkContext | undefined {
  return storage.getStore();
}

/**
 * The context for what goes on after the call or message that caused it: the same trace, but no deadline and no caller who
 * could go. Undefined outside of any.
 */
export function contextOnItsOwn(): WorkContext | undefined {
  const context = storage.getStore();
  return context && { trace: context.trace, work: context.work };
}
