import { failPoint } from "@quartet/chassis/fail-point";
import type { Logger } from "@quartet/chassis/log";
import { newTrace } from "@quartet/chassis/trace";
import { runInContext } from "@quartet/chassis/work-context";
import type { Worker } from "@quartet/chassis/worker";

/** Pause between two sweeps. Deadlines are minutes, so a second more does not matter. */
const sweepIntervalMs = 1_000;

/** Batches of one sweep: what is left waits for the next one, so that requests are served in between. */
const sweepBatchesMax = 10;

/** A worker that looks again and again for something to do. */
export interface Sweeper extends Worker {
  /** Says that there may be something to do now. Cheap, and harmless when there is nothing or the sweeper does not run. */
  wake(): void;
}

/**
 * Creates a sweeper. `batch` does a bounded part of the work and resolves with how much that was: 0 when nothing is left.
 * `what` names the work in the log. A sweep that fails is logged, and the next one comes all the same.
 */
export function createSweeper(deps: {
  what: string;
  batch: () => Promise<number>;
  log: Pick<Logger, "info" | "error">;
  intervalMs?: number;
}): Sweeper {
  const { what, batch, log, intervalMs = sweepIntervalMs } = deps;
  let timer: NodeJS.Timeout | undefined;
  let sweeping: Promise<void> | undefined;
  let running = false;
  let sweepAgain = false;

  async function sweep(): Promise<void> {
    try {
      for (let batches = 0; running && batches < sweepBatchesMax; batches++) {
        const count = await runInContext({ trace: newTrace(), work: what }, batch);
        failPoint("sweep.after-batch", what);
        if (count === 0) break;
        log.info({ what, count }, "swept");
      }
    } catch (error) {
      log.error({ err: error, what }, "cannot sweep");
    }
  }

  function sweepNow(): void {
    clearTimeout(timer);
    sweepAgain = false;
    sweeping = sweep().then(() => {
      sweeping = undefined;
      if (running) timer = setTimeout(sweepNow, sweepAgain ? 0 : intervalMs);
    });
  }

  return {
    start() {
      if (running) return;
      running = true;
      timer = setTimeout(sweepNow, intervalMs);
    },
    wake() {
      if (!running) return;
      if (sweeping === undefined) sweepNow();
      else sweepAgain = true;
    },
    async stop() {
      running = false;
      clearTimeout(timer);
      await sweeping;
    },
  };
}
