import { setImmediate as nextTurn } from "node:timers/promises";
import type { Logger } from "@quartet/chassis/log";
import { runOnItsOwn } from "@quartet/chassis/work-context";
import type { Worker } from "@quartet/chassis/worker";
import type { DrivePayment } from "./app/drive-payment.ts";
import { keyOf, type PaymentStore, type ProviderTask } from "./app/ports.ts";

/** Looks for due work at least this often; most of it is found at once, because nudge() says so. */
const pollIntervalMs = 500;

/** The worker that asks the provider. One process of the service runs it: the one that leads. */
export interface PaymentDriver extends Worker {
  /** Says that there may be work now. Cheap, and harmless when there is none or the driver does not run. */
  nudge(): void;
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
  const underWay = new Map<string, Promise<void>>();
  /** Tasks that failed as they should not: not tried again before the next poll. */
  const failed = new Set<string>();
  let calls = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let isRunning = false;
  let isLooking = false;
  let lookAgain = false;

  const run = (task: ProviderTask) => {
    const key = keyOf(task);
    const done = drive(task, calls.signal)
      .catch((error) => {
        failed.add(key);
        log.error({ err: error, task }, "cannot drive a payment");
      })
      .finally(() => {
        underWay.delete(key);
        // The end of one task can be the beginning of another: what was captured may have to go back.
        void look();
      });
    underWay.set(key, done);
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
        const tasks = await payments.due(now(), callsMax - underWay.size, [...underWay.keys(), ...failed]);
        for (const task of tasks) if (isRunning) run(task);
      } while (lookAgain && isRunning && underWay.size < callsMax);
    } catch (error) {
      log.error({ err: error }, "cannot look for payments to drive");
    } finally {
      isLooking = false;
    }
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
    // What is found goes on when whoever says so has its answer and is over.
    nudge: () => void runOnItsOwn(look),
    async stop() {
      isRunning = false;
      clearInterval(timer);
      calls.abort();
      await Promise.all(underWay.values());
    },
  };
}
