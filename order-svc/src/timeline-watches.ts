import { DomainError } from "@quartet/chassis/domain-error";
import type { Logger } from "@quartet/chassis/log";
import type { Metrics } from "@quartet/chassis/metrics";
import type { OrderQueries, TimelineWatches } from "./app/ports.ts";

/** How often all watched timelines are looked at together, for what another process has committed. */
const pollIntervalMs = 500;

/** After how long a reader may try again who found no place. */
const retryDelayMs = 5_000;

/** The watches of one process, and what tells them of the changes that it commits itself. */
export interface LiveTimelines extends TimelineWatches {
  /** Says that an order may have changed. Cheap when nobody watches it. */
  tell(orderId: string): void;
}

interface Reader {
  readonly userId: string;
  lastSequence: number;
  hasNews: boolean;
  wake: (() => void) | undefined;
}

/**
 * Creates the watches of one process, `watchesMax` at most, `watchesPerUserMax` of them for one user, so that nobody takes
 * all the places. A gauge counts them. A watch holds neither entries nor events:
 * it learns only that there is something to read.
 */
export function createTimelineWatches(deps: {
  queries: Pick<OrderQueries, "lastSequences">;
  metrics: Pick<Metrics, "addGauge">;
  log: Pick<Logger, "error">;
  watchesMax: number;
  watchesPerUserMax: number;
}): LiveTimelines {
  const { queries, log, watchesMax, watchesPerUserMax } = deps;
  const readersOf = new Map<string, Set<Reader>>();
  const openCountOf = new Map<string, number>();
  let openCount = 0;
  let timer: NodeJS.Timeout | undefined;

  deps.metrics.addGauge({
    name: "order_watches_open",
    help: "Streams of WatchOrder that are open.",
    value: () => openCount,
  });

  const openOf = (userId: string): number => openCountOf.get(userId) ?? 0;

  const notify = (reader: Reader): void => {
    reader.hasNews = true;
    reader.wake?.();
  };

  async function poll(): Promise<void> {
    try {
      for (const [orderId, lastSequence] of await queries.lastSequences([...readersOf.keys()])) {
        for (const reader of readersOf.get(orderId) ?? []) if (lastSequence > reader.lastSequence) notify(reader);
      }
    } catch (error) {
      log.error({ err: error }, "cannot look for news of the watched orders");
    }
  }

  function add(orderId: string, reader: Reader): void {
    const readers = readersOf.get(orderId) ?? new Set();
    readersOf.set(orderId, readers.add(reader));
    openCountOf.set(reader.userId, openOf(reader.userId) + 1);
    openCount += 1;
    timer ??= setInterval(() => void poll(), pollIntervalMs);
  }

  function remove(orderId: string, reader: Reader): void {
    const readers = readersOf.get(orderId);
    if (readers?.delete(reader) !== true) return;
    if (readers.size === 0) readersOf.delete(orderId);
    if (openOf(reader.userId) === 1) openCountOf.delete(reader.userId);
    else openCountOf.set(reader.userId, openOf(reader.userId) - 1);
    openCount -= 1;
    if (openCount > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  return {
    tell(orderId) {
      for (const reader of readersOf.get(orderId) ?? []) notify(reader);
    },
    open(orderId, userId) {
      if (openCount >= watchesMax) throw tooManyWatches("orders are watched", watchesMax);
      if (openOf(userId) >= watchesPerUserMax) throw tooManyWatches("orders are watched by you", watchesPerUserMax);
      const reader: Reader = { userId, lastSequence: 0, hasNews: false, wake: undefined };
      add(orderId, reader);
      return {
        async changed({ lastSequence, timeoutMs, signal }) {
          reader.lastSequence = lastSequence;
          if (!reader.hasNews) await news(reader, timeoutMs, signal);
          reader.hasNews = false;
        },
        close: () => remove(orderId, reader),
      };
    },
  };
}

function news(reader: Reader, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const leave = (): void => reject(signal.reason);
  const timer = setTimeout(resolve, timeoutMs);
  reader.wake = resolve;
  signal.addEventListener("abort", leave);
  if (signal.aborted) leave();
  return promise.finally(() => {
    clearTimeout(timer);
    reader.wake = undefined;
    signal.removeEventListener("abort", leave);
  });
}

function tooManyWatches(what: string, max: number): DomainError {
  return new DomainError("resource_exhausted", "TOO_MANY_WATCHES", `${max} ${what} already`, {
    metadata: { watches_max: String(max) },
    retryDelayMs,
  });
}
