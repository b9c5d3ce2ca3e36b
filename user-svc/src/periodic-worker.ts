import { failPoint } from "@quartet/chassis/fail-point";
import type { Logger } from "@quartet/chassis/log";
import { newTrace } from "@quartet/chassis/trace";
import { runInContext } from "@quartet/chassis/work-context";
import type { Worker } from "@quartet/chassis/worker";

/** Rounds without a pause: what is left waits for the next time, so that requests are served in between. */
const roundsMax = 100;

/**
 * Creates the worker that does something at its start and then at intervals. `round` resolves with whether there may be
 * more to do at once. A round that fails is logged, and the next one comes all the same.
 */
export function createPeriodicWorker(options: {
  /** What it does, as in "remove expired sessions". */
  readonly what: string;
  readonly intervalMs: number;
  readonly round: () => Promise<boolean> | boolean;
  readonly log: Pick<Logger, "error">;
}): Worker {
  const { what, intervalMs, round, log } = options;
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<void> = Promise.resolve();
  let isRunning = false;

  async function run(): Promise<void> {
    try {
      for (let count = 0; isRunning && count < roundsMax; count++) {
        const hasMore = await runInContext({ trace: newTrace(), work: what }, async () => round());
        failPoint("sweep.after-batch", what);
        if (!hasMore) break;
      }
    } catch (error) {
      log.error({ err: error }, `cannot ${what}`);
    }
    if (isRunning) timer = setTimeout(begin, intervalMs);
  }

  function begin(): void {
    underWay = run();
  }

  return {
    start() {
      if (isRunning) return;
      isRunning = true;
      begin();
    },
    async stop() {
      isRunning = false;
      clearTimeout(timer);
      await underWay;
    },
  };
}
