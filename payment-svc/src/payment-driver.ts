import { setImmediate as nextTurn } from "node:timers/promises";
import type { Logger } from "@quartet/chassis/log";
import { contextOnItsOwn, runInContext, type WorkContext } from "@quartet/chassis/work-context";
import type { Worker } from "@quartet/chassis/worker";
import type { DrivePayment } from "./app/drive-payment.ts";
import { keyOf, type PaymentStore, type ProviderTask } from "./app/ports.ts";

/** Looks for due work at least this often; most of it is found at once, because nudge() says so. */
const pollIntervalMs = 500;

/** The worker that asks the provider. One process of the service runs it: the one that leads. */
export interface PaymentDriver extends Worker {
  /**
   * Says that there may be work for a payment now, which is then done in the trace of whoever says so. Cheap, and harmless
   * when there is none or the driver does not run.
   */
  nudge(paymentId: string): void;
}

/**
 * Creates the driver. Work under way when a process dies is found again by the next one. Stopping does not wait for the
 * provider: what it answers is found by its key later.
 */
export function createPaymentDriver(deps: {
  payments: Pick<PaymentStore, "due">;
  drive: DrivePayment;
  now: () => number;
  log: Logger;
  /** Most calls to the provider at a time. */
  callsMax: number;
}): PaymentDriver {
  const { payments, drive, now, log, callsMax } = deps;
  const underWay = new Map<string, { readonly paymentId: string; readonly done: Promise<void> }>();
  /** Who has asked for the next task of a payment. One look finds the work of many. */
  const causes = new Map<string, WorkContext>();
  /** Tasks that failed as they should not: not tried again before the next poll. */
  const failed = new Set<string>();
  let calls = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let isRunning = false;
  let isLooking = false;
  let lookAgain = false;

  const run = (task: ProviderTask) => {
    const key = keyOf(task);
    const cause = causes.get(task.paymentId);
    causes.delete(task.paymentId);
    const done = runInContext(cause, () => drive(task, calls.signal))
      .catch((error) => {
        failed.add(key);
        log.error({ err: error, task }, "cannot drive a payment");
      })
      .finally(() => {
        underWay.delete(key);
        // The end of one task can be the beginning of another: what was captured may have to go back.
        void look();
      });
    underWay.set(key, { paymentId: task.paymentId, done });
  };

  const look = async (): Promise<void> => {
    if (!isRunning || underWay.size >= callsMax) return;
    if (isLooking) {
      lookAgain = true;
      return;
    }
    isLooking = true;
    try {
      do {
        // What is committed together is found together.
        await nextTurn();
        if (!isRunning) return;
        lookAgain = false;
        // Tasks under way, and those that failed, are still due.
        const [asked, limit] = [[...causes.keys()], callsMax - underWay.size];
        const tasks = await payments.due(now(), limit, [...underWay.keys(), ...failed]);
        for (const task of tasks) if (isRunning) run(task);
        // All that is due is under way: nobody else has work, unless it comes from what is under way.
        if (tasks.length < limit) forgetCauses(asked);
      } while (lookAgain && isRunning && underWay.size < callsMax);
    } catch (error) {
      log.error({ err: error }, "cannot look for payments to drive");
    } finally {
      isLooking = false;
    }
  };

  const forgetCauses = (paymentIds: readonly string[]) => {
    const busy = new Set([...underWay.values()].map(({ paymentId }) => paymentId));
    for (const id of paymentIds) if (!busy.has(id)) causes.delete(id);
  };

  return {
    start() {
      isRunning = true;
      calls = new AbortController();
      timer = setInterval(() => {
        failed.clear();
        void look();
      }, pollIntervalMs);
      void look();
    },
    nudge(paymentId) {
      if (!isRunning) return;
      // What is found goes on when whoever says so has its answer and is over.
      const cause = contextOnItsOwn();
      if (cause !== undefined) causes.set(paymentId, cause);
      void look();
    },
    async stop() {
      isRunning = false;
      clearInterval(timer);
      calls.abort();
      causes.clear();
      await Promise.all([...underWay.values()].map(({ done }) => done));
    },
  };
}
