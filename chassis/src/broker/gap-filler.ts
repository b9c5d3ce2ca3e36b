import prom from "prom-client";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Outbox } from "../storage/outbox.ts";
import type { Worker } from "../worker.ts";
import type { Broker } from "./broker.ts";

const defaultIntervalMs = 5_000;
const dayMs = 24 * 60 * 60 * 1_000;
/**
 * How far back events are sent again. A day less than they and the inboxes of their consumers are kept, so that whoever has
 * had an event still knows it.
 */
export const sentAgainAgeMaxMs = 6 * dayMs;

/** What the gap filler needs. */
export interface GapFillerOptions {
  readonly broker: Pick<Broker, "publishable" | "onStateChange" | "fillGaps">;
  readonly outbox: Pick<Outbox, "sendAgain">;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly now: () => number;
  /** Longest time that a deleted queue can be overlooked. */
  readonly intervalMs?: number;
}

/**
 * Sends again what was lost with a queue that somebody deleted, or with all of a broker's data: the events in it, and
 * those published while it was missing. The broker confirms an event when one of two queues takes it, so that nothing else
 * would tell. The outbox keeps what was sent; a consumer drops what it has had. To run in the leader only.
 */
export function createGapFiller(options: GapFillerOptions): Worker {
  const { broker, outbox, log, now } = options;
  const sentAgain = new prom.Counter({
    name: "outbox_sent_again_total",
    help: "Events published once more because a queue they had been confirmed in was deleted",
    registers: [options.metrics.registry],
  });
  const complete = new prom.Gauge({
    name: "outbox_queues_complete_time_seconds",
    help: "When nothing that was published was last known to be missing in a queue, in seconds since 1970; 0 before",
    registers: [options.metrics.registry],
  });
  let isStarted = false;
  let isLooking = false;
  let lastCause: string | undefined;
  let sending: Promise<number> | undefined;
  let stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;

  async function sendAgain(types: readonly string[]): Promise<void> {
    if (!isStarted) throw new Error("stopped");
    sending = outbox.sendAgain({ types, fromTime: now() - sentAgainAgeMaxMs, signal: stopping.signal });
    const count = await sending;
    if (count === 0) return;
    sentAgain.inc(count);
    log.warn({ types, events: count }, "a queue is new or was lost: its events are sent again");
  }

  function report(error: unknown): void {
    // That the broker is gone is told by its connection.
    const isTold = !isStarted || !broker.publishable || String(error) === lastCause;
    log[isTold ? "debug" : "warn"]({ err: error }, "queues not looked at: what they lack is not sent again");
    if (!isTold) lastCause = String(error);
  }

  function look(): void {
    if (!isStarted || isLooking || !broker.publishable) return;
    isLooking = true;
    broker
      .fillGaps(sendAgain)
      .then(() => {
        lastCause = undefined;
        complete.set(now() / 1_000);
      })
      .catch(report)
      .finally(() => {
        isLooking = false;
      });
  }

  broker.onStateChange(look);

  return {
    start() {
      if (isStarted) return;
      isStarted = true;
      stopping = new AbortController();
      timer = setInterval(look, options.intervalMs ?? defaultIntervalMs);
      look();
    },
    async stop() {
      isStarted = false;
      clearInterval(timer);
      // There may be a million events. The mark is not set then: the next start looks again.
      stopping.abort(new Error("stopped"));
      // Not for the broker, which answers nobody while it is short of memory: all that it could be asked for now is a mark.
      await sending?.catch(() => {});
    },
  };
}
