import prom from "prom-client";
import { failPoint, failPointAfterWrites } from "../fail-point.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Database } from "../storage/database.ts";
import type { LeaderLock } from "../storage/leader-lock.ts";
import type { Outbox, OutboxRow } from "../storage/outbox.ts";
import type { Broker, PublishResult } from "./broker.ts";

const defaultWindowMax = 128;
const defaultPollIntervalMs = 1_000;
const defaultStallMs = 1_000;
const stalledAggregatesMax = 1_000;
const readMax = 512;
const unmarkedMax = 1_024;
const lastPassMs = 2_000;

/** What the relay needs. */
export interface RelayOptions {
  readonly outbox: Outbox;
  readonly broker: Broker;
  readonly leader: Pick<LeaderLock, "isLeader" | "onChange">;
  readonly database: Pick<Database, "onCommit">;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly now: () => number;
  /** How many events may be unconfirmed at once. */
  readonly windowMax?: number;
  /** Longest time an event can be overlooked, ms. */
  readonly pollIntervalMs?: number;
  /** How long an aggregate pauses after the broker did not take its event, ms. */
  readonly stallMs?: number;
}

/** Publishes what the outbox holds. */
export interface Relay {
  start(): void;
  /** Publishes what is left and waits for confirmations, 2 s at most. What remains goes out after the next start. */
  stop(): Promise<void>;
}

/**
 * Publishes events in commit order, several at once but never two of one aggregate, so that neither a lost connection
 * nor a returned message can change the order within one. An event is marked as sent only when the broker has it
 * wherever it belongs; until then it is published again, so it may arrive twice. Works while this process is the leader.
 */
export function createRelay(options: RelayOptions): Relay {
  const { outbox, broker, leader, log, now } = options;
  const windowMax = options.windowMax ?? defaultWindowMax;
  const stallMs = options.stallMs ?? defaultStallMs;
  const counters = createRelayMetrics(options);

  /** Rows read and not yet published, in commit order. */
  let ready: OutboxRow[] = [];
  /** Position of the last row read. */
  let cursor = 0;
  /** Rows that must not be published again: under way, or confirmed and not yet marked. */
  const taken = new Set<number>();
  const busyAggregates = new Set<string>();
  /** Aggregates whose last event the broker did not take, with the time at which to try again. */
  const stalled = new Map<string, number>();
  let unmarked: Pick<OutboxRow, "seq" | "type">[] = [];
  let marking: Promise<void> | undefined;
  let underWay = 0;
  let progress = Promise.withResolvers<void>();
  let running = false;
  let scheduled: NodeJS.Immediate | undefined;
  let poll: NodeJS.Timeout | undefined;

  function schedule(): void {
    if (!running) return;
    scheduled ??= setImmediate(() => {
      scheduled = undefined;
      pump();
    });
  }

  function pump(): void {
    if (!leader.isLeader || !broker.publishable || unmarked.length > unmarkedMax) return;
    for (;;) {
      publishReady();
      if (underWay >= windowMax || ready.length >= windowMax || stalled.size >= stalledAggregatesMax) return;
      const page = outbox.pending({ afterSeq: cursor, limit: readMax, excludedAggregates: stalled.keys() });
      const last = page.at(-1);
      if (last === undefined) return;
      cursor = last.seq;
      ready.push(...page.filter(({ seq }) => !taken.has(seq)));
    }
  }

  function publishReady(): void {
    const kept: OutboxRow[] = [];
    for (const row of ready) {
      if (stalled.has(row.aggregate)) continue;
      if (underWay >= windowMax || busyAggregates.has(row.aggregate)) kept.push(row);
      else publish(row);
    }
    ready = kept;
  }

  function publish(row: OutboxRow): void {
    const { seq, ...message } = row;
    taken.add(seq);
    busyAggregates.add(row.aggregate);
    underWay += 1;
    failPoint("relay.before-publish", row.type);
    broker
      .publish(message)
      .then(
        (result) => {
          settle(row, result);
          schedule();
        },
        (error: unknown) => {
          // Whether the broker has it is unknown. A change of the connection or the poll starts again from here.
          log.debug({ err: error, message_id: row.id }, "publish interrupted");
          taken.delete(seq);
          readAgain();
        },
      )
      .finally(() => {
        underWay -= 1;
        busyAggregates.delete(row.aggregate);
        progress.resolve();
        progress = Promise.withResolvers();
      });
    failPointAfterWrites("relay.after-publish", row.type, "relay.after-confirm");
  }

  function settle(row: OutboxRow, result: PublishResult): void {
    counters.results.inc({ result });
    if (result === "confirmed") {
      failPoint("relay.after-confirm", row.type);
      unmarked.push({ seq: row.seq, type: row.type });
      void mark();
      return;
    }
    taken.delete(row.seq);
    stalled.set(row.aggregate, now() + stallMs);
    log.warn({ message_id: row.id, type: row.type, aggregate: row.aggregate, result }, "event not taken by the broker");
  }

  function readAgain(): void {
    ready = [];
    cursor = 0;
  }

  // One transaction at a time; what is confirmed meanwhile goes into the next.
  function mark(): Promise<void> {
    marking ??= markAll();
    return marking;
  }

  async function markAll(): Promise<void> {
    // Confirmations arrive in bursts: take all of this turn's together.
    await new Promise((resolve) => setImmediate(resolve));
    while (unmarked.length > 0) {
      const confirmed = unmarked;
      unmarked = [];
      const seqs = confirmed.map(({ seq }) => seq);
      try {
        await outbox.markSent(seqs, now());
        failPoint("relay.after-mark", () => confirmed.map(({ type }) => type));
        for (const seq of seqs) taken.delete(seq);
      } catch (error) {
        unmarked = [...confirmed, ...unmarked];
        log.error({ err: error, events: seqs.length }, "events published but not marked as sent");
        break;
      }
    }
    // In the same turn as the end of the loop: a confirmation that comes now starts the next run.
    marking = undefined;
  }

  function onPoll(): void {
    const time = now();
    for (const [aggregate, retryTime] of stalled) {
      // Further away than it can be, when the clock was set back.
      if (retryTime <= time || retryTime > time + stallMs) stalled.delete(aggregate);
    }
    readAgain();
    if (unmarked.length > 0) void mark();
    schedule();
  }

  options.database.onCommit(schedule);
  broker.onStateChange(schedule);
  leader.onChange(() => {
    readAgain();
    schedule();
  });

  return {
    start() {
      if (running) return;
      running = true;
      poll = setInterval(onPoll, options.pollIntervalMs ?? defaultPollIntervalMs);
      schedule();
    },
    async stop() {
      if (!running) return;
      running = false;
      clearInterval(poll);
      clearImmediate(scheduled);
      scheduled = undefined;
      let timeOver = false;
      const deadline = Promise.withResolvers<void>();
      const timer = setTimeout(() => {
        timeOver = true;
        deadline.resolve();
      }, lastPassMs);
      readAgain();
      pump();
      while (underWay > 0 && !timeOver) {
        await Promise.race([progress.promise, deadline.promise]);
        if (!timeOver) pump();
      }
      clearTimeout(timer);
      await mark();
    },
  };
}

function createRelayMetrics({ outbox, metrics, now }: RelayOptions) {
  const registers = [metrics.registry];
  new prom.Gauge({
    name: "outbox_pending_events",
    help: "Events committed and not yet confirmed by the broker",
    registers,
    collect() {
      this.set(outbox.unsentCount());
    },
  });
  new prom.Gauge({
    name: "outbox_oldest_pending_age_seconds",
    help: "Age of the oldest event not yet confirmed by the broker, 0 when there is none",
    registers,
    collect() {
      const oldest = outbox.oldestUnsentTime();
      this.set(oldest === undefined ? 0 : (now() - oldest) / 1000);
    },
  });
  const results = new prom.Counter({
    name: "outbox_published_total",
    help: "Events answered by the broker: confirmed, returned (no queue took it) or refused",
    labelNames: ["result"] as const,
    registers,
  });
  for (const result of ["confirmed", "returned", "refused"]) results.inc({ result }, 0);
  return { results };
}
