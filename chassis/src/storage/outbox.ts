import { setImmediate as nextTurn } from "node:timers/promises";
import { failPoint } from "../fail-point.ts";
import type { Database } from "./database.ts";
import type { OutgoingEvent } from "./messages.ts";

/** An event that waits to be published. */
export interface OutboxRow extends OutgoingEvent {
  /** Position in commit order. */
  readonly seq: number;
  /** When it was recorded, ms since the epoch. */
  readonly time: number;
  readonly traceparent?: string;
  readonly tracestate?: string;
}

/** The trace an event belongs to. */
export interface EventTrace {
  readonly traceparent?: string;
  readonly tracestate?: string;
}

/** The events of this service: those to publish and, for a while, those published. */
export interface Outbox {
  /** Appends events in their order. To be called inside a transaction: the one that makes them true. */
  append(events: readonly OutgoingEvent[], time: number, trace: EventTrace): void;
  /** Unsent events in commit order, after a position and without those of the given aggregates. */
  pending(options: {
    readonly afterSeq?: number;
    readonly limit: number;
    readonly excludedAggregates?: Iterable<string>;
  }): readonly OutboxRow[];
  /** Records that the broker has confirmed these. Resolves after the commit. */
  markSent(seqs: readonly number[], time: number): Promise<void>;
  /**
   * Makes events of these types wait again that were sent since a time (ms since the epoch), as if they had never been
   * confirmed, and counts that in their rows: later events about the same stay sent. None is left out because it seems to
   * have been sent in the future: the clock may have been set. In small transactions, with other work between them.
   * Resolves with how many they are. Rejects with the signal's reason when it is aborted on the way.
   */
  sendAgain(options: {
    readonly types: readonly string[];
    readonly fromTime: number;
    readonly signal?: AbortSignal;
  }): Promise<number>;
  /** When the broker confirmed the event; undefined while it has not, or once the row is removed. */
  sentTimeOf(eventId: string): number | undefined;
  /** How many events wait. Reads them all: for metrics. */
  unsentCount(): number;
  /** When the oldest waiting event was recorded, ms since the epoch. */
  oldestUnsentTime(): number | undefined;
  /** Removes up to `limit` events sent before a time. Resolves with how many. */
  cleanUp(beforeTime: number, limit: number): Promise<number>;
}

interface Row {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly aggregate: string;
  readonly version: number;
  readonly payload: Buffer;
  readonly time: number;
  readonly traceparent: string | null;
  readonly tracestate: string | null;
}

/** How many positions one transaction of sendAgain looks at. */
const sliceMax = 1_000;

/** The outbox in a migrated database. */
export function createOutbox(options: { readonly database: Database }): Outbox {
  const { sqlite, transact } = options.database;
  const insert = sqlite.prepare(
    "INSERT INTO outbox (event_id, type, aggregate, version, payload, traceparent, tracestate, create_time) " +
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const selectPending = sqlite.prepare<[number, string, number], Row>(
    "SELECT seq, event_id AS id, type, aggregate, version, payload, create_time AS time, traceparent, tracestate " +
      "FROM outbox WHERE sent_time IS NULL AND seq > ? AND aggregate NOT IN (SELECT value FROM json_each(?)) " +
      "ORDER BY seq LIMIT ?",
  );
  const selectAllPending = sqlite.prepare<[number, number], Row>(
    "SELECT seq, event_id AS id, type, aggregate, version, payload, create_time AS time, traceparent, tracestate " +
      "FROM outbox WHERE sent_time IS NULL AND seq > ? ORDER BY seq LIMIT ?",
  );
  const updateSent = sqlite.prepare<[number, string]>(
    "UPDATE outbox SET sent_time = ? WHERE seq IN (SELECT value FROM json_each(?)) AND sent_time IS NULL",
  );
  const updateUnsent = sqlite.prepare<[number, number, number, string]>(
    "UPDATE outbox SET sent_time = NULL, sent_again = sent_again + 1 " +
      "WHERE seq BETWEEN ? AND ? AND sent_time >= ? AND type IN (SELECT value FROM json_each(?))",
  );
  const selectRange = sqlite.prepare<[], { first: number | null; last: number | null }>(
    "SELECT (SELECT min(seq) FROM outbox) AS first, (SELECT max(seq) FROM outbox) AS last",
  );
  const selectSentTime = sqlite
    .prepare<[string], number | null>("SELECT sent_time FROM outbox WHERE event_id = ?")
    .pluck();
  const countUnsent = sqlite.prepare<[], number>("SELECT count(*) FROM outbox WHERE sent_time IS NULL").pluck();
  const selectOldest = sqlite
    .prepare<[], number>("SELECT create_time FROM outbox WHERE sent_time IS NULL ORDER BY seq LIMIT 1")
    .pluck();
  const deleteSent = sqlite.prepare<[number, number]>(
    "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox WHERE sent_time < ? ORDER BY sent_time LIMIT ?)",
  );

  return {
    append(events, time, { traceparent, tracestate }) {
      for (const { id, type, aggregate, version, payload } of events) {
        insert.run(id, type, aggregate, version, payload, traceparent ?? null, tracestate ?? null, time);
        failPoint("outbox.after-append", type);
      }
    },
    pending({ afterSeq = 0, limit, excludedAggregates = [] }) {
      const excluded = [...excludedAggregates];
      const rows =
        excluded.length === 0
          ? selectAllPending.all(afterSeq, limit)
          : selectPending.all(afterSeq, JSON.stringify(excluded), limit);
      return rows.map(toOutboxRow);
    },
    async markSent(seqs, time) {
      if (seqs.length > 0) await transact(() => updateSent.run(time, JSON.stringify(seqs)));
    },
    async sendAgain({ types, fromTime, signal }) {
      const { first, last } = selectRange.get() ?? {};
      let count = 0;
      for (let seq = first ?? 1; seq <= (last ?? 0); seq += sliceMax) {
        const slice = [seq, seq + sliceMax - 1, fromTime, JSON.stringify(types)] as const;
        count += await transact(() => updateUnsent.run(...slice).changes);
        await nextTurn();
        signal?.throwIfAborted();
      }
      return count;
    },
    sentTimeOf: (eventId) => selectSentTime.get(eventId) ?? undefined,
    unsentCount: () => countUnsent.get() ?? 0,
    oldestUnsentTime: () => selectOldest.get(),
    cleanUp: (beforeTime, limit) => transact(() => deleteSent.run(beforeTime, limit).changes),
  };
}

function toOutboxRow({ traceparent, tracestate, ...row }: Row): OutboxRow {
  return { ...row, traceparent: traceparent ?? undefined, tracestate: tracestate ?? undefined };
}
