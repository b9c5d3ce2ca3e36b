import type { Logger } from "@quartet/chassis/log";
import type { Database } from "@quartet/chassis/storage/database";
import type { Worker } from "@quartet/chassis/worker";
import type { SessionStore } from "./app/ports.ts";
import { createPeriodicWorker } from "./periodic-worker.ts";
import { emptyLog } from "./storage/erasure.ts";

const [secondMs, minuteMs] = [1_000, 60_000];
/** Most sessions of one transaction. */
const sliceMax = 200;

/**
 * Creates the workers that remove sessions which can no longer be renewed, in short transactions, and that make the
 * write-ahead log forget.
 */
export function createHousekeeping(deps: {
  sessions: Pick<SessionStore, "removeExpired" | "removeEnded">;
  database: Database;
  now: () => number;
  log: Logger;
}): readonly Worker[] {
  const { sessions, database, now, log } = deps;
  return [
    createPeriodicWorker({
      what: "remove ended sessions",
      intervalMs: secondMs,
      round: () => sessions.removeEnded(sliceMax),
      log,
    }),
    createPeriodicWorker({
      what: "remove expired sessions",
      intervalMs: minuteMs,
      round: async () => (await sessions.removeExpired(now(), sliceMax)) === sliceMax,
      log,
    }),
    createPeriodicWorker({
      what: "empty the write-ahead log",
      intervalMs: minuteMs,
      round: () => {
        emptyLog(database);
        return false;
      },
      log,
    }),
  ];
}
