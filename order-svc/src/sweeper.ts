import type { Logger } from "@quartet/chassis/log";
import { newTrace } from "@quartet/chassis/trace";
import { runInContext } from "@quartet/chassis/work-context";
import type { Worker } from "@quartet/chassis/worker";
import { type ExpireOrders, expireBatchMax } from "./app/expire-orders.ts";

/** Pause between two sweeps. Deadlines are minutes, so a second more does not matter. */
const sweepIntervalMs = 1_000;

/** Batches of one sweep: what is left waits for the next one, so that requests are served in between. */
const sweepBatchesMax = 10;

/** Creates the worker that looks for overdue orders. A sweep that fails is logged, and the next one comes all the same. */
export function createDeadlineSweeper(deps: {
  expireOrders: ExpireOrders;
  log: Pick<Logger, "info" | "error">;
  intervalMs?: number;
}): Worker {
  const { expireOrders, log, intervalMs = sweepIntervalMs } = deps;
  let timer: NodeJS.Timeout | undefined;
  let sweeping: Promise<void> = Promise.resolve();
  let running = false;

  async function sweep(): Promise<void> {
    try {
      for (let batch = 0; running && batch < sweepBatchesMax; batch++) {
        const count = await runInContext({ trace: newTrace() }, expireOrders);
        if (count > 0) log.info({ orders: count }, "orders took too long");
        if (count < expireBatchMax) break;
      }
    } catch (error) {
      log.error({ err: error }, "cannot sweep deadlines");
    }
    schedule();
  }

  function schedule(): void {
    if (!running) return;
    timer = setTimeout(() => {
      sweeping = sweep();
    }, intervalMs);
  }

  return {
    start() {
      if (running) return;
      running = true;
      schedule();
    },
    async stop() {
      running = false;
      clearTimeout(timer);
      await sweeping;
    },
  };
}
