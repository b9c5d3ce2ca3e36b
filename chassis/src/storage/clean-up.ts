import { setImmediate as nextTurn } from "node:timers/promises";
import { failPoint } from "../fail-point.ts";
import type { Database } from "./database.ts";
import type { Inbox } from "./inbox.ts";
import type { Outbox } from "./outbox.ts";

/** What {@link createCleanUp} needs. */
export interface CleanUpOptions {
  readonly database: Database;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly now: () => number;
  /** Told when a round failed; the next one comes all the same. */
  readonly onError: (error: unknown) => void;
  /** How long sent events, done messages and request claims are kept. */
  readonly retentionMs?: number;
  /** See ServiceParts. */
  readonly keepsClaims?: boolean;
  /** Pause between two rounds. */
  readonly intervalMs?: number;
}

/** Removes what is too old to be repeated. To run in the leader only. */
export interface CleanUp {
  start(): void;
  stop(): Promise<void>;
  /** One whole round: resolves with how many rows were removed. */
  run(): Promise<number>;
}

const dayMs = 24 * 60 * 60 * 1_000;
const defaultRetentionMs = 7 * dayMs;
const defaultIntervalMs = 10 * 60 * 1_000;
// A slice is one short transaction, so that requests never wait long behind it.
const sliceMax = 200;
// The broker delivers again within minutes. What was started this long ago it has lost.
const startedAgeMaxMs = dayMs;

/** Clean-up of outbox, inbox and request claims in small slices, with other work between them. */
export function createCleanUp(options: CleanUpOptions): CleanUp {
  const { database, outbox, inbox, now, retentionMs = defaultRetentionMs, intervalMs = defaultIntervalMs } = options;
  const deleteClaims = database.sqlite.prepare<[number, number]>(
    "DELETE FROM request_claims WHERE (caller, method, request_id) IN " +
      "(SELECT caller, method, request_id FROM request_claims WHERE create_time < ? ORDER BY create_time LIMIT ?)",
  );
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<unknown> = Promise.resolve();
  let started = false;
  let stopping = false;

  async function inSlices(slice: (beforeTime: number, limit: number) => Promise<number>): Promise<number> {
    const beforeTime = now() - retentionMs;
    let removed = 0;
    for (;;) {
      const count = await slice(beforeTime, sliceMax);
      removed += count;
      failPoint("clean-up.after-slice");
      if (count < sliceMax || stopping) return removed;
      await nextTurn();
    }
  }

  async function forgetPast(): Promise<number> {
    const removedEvents = await inSlices(outbox.cleanUp);
    if (options.keepsClaims) return removedEvents;
    const removedClaims = await inSlices((beforeTime, limit) =>
      database.transact(() => deleteClaims.run(beforeTime, limit).changes),
    );
    return removedEvents + removedClaims;
  }

  async function forgetMessages(): Promise<number> {
    await inbox.adoptStarted(now() - startedAgeMaxMs, sliceMax);
    return inSlices(inbox.cleanUp);
  }

  const run = async () => (await forgetPast()) + (await forgetMessages());

  function startRound(round: () => Promise<number>): void {
    running = round()
      .catch(options.onError)
      .finally(() => {
        if (started) timer = setTimeout(startRound, intervalMs, run);
      });
  }

  return {
    start() {
      if (started) return;
      started = true;
      stopping = false;
      // Whoever was away for long is given first what it had not acknowledged, and must still know it.
      startRound(forgetPast);
    },
    async stop() {
      started = false;
      stopping = true;
      clearTimeout(timer);
      await running;
    },
    run,
  };
}
