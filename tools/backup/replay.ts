import { join } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { readSnapshot } from "../../chassis/src/storage/read-snapshot.ts";
import { consumersOf } from "../audit/consumers.ts";
import { serviceNames } from "../stack/stack-config.ts";
import { serviceFiles } from "./backed-up-files.ts";

/** How many events of each service will be published again. */
export type Replayed = ReadonlyMap<string, number>;

const lockTimeoutMs = 10_000;

/**
 * Marks events that were sent, and that one of their consumers knows nothing of, as not sent, and with each all later ones
 * of its aggregate, so that they arrive in order. The relay publishes them within a second when the service runs; whoever
 * has handled one already drops it. `since` marks all that were sent since then instead, ms since the epoch: for consumers
 * whose inboxes are not here. Events are kept for 7 days after they were sent; older ones are gone.
 */
export function markForReplay(dataDir: string, options: { readonly since?: number } = {}): Replayed {
  const known = new Map(serviceNames.map((service, position) => [service, knownMessages(dataDir, position)]));
  return new Map(
    serviceNames.map((service, position) => {
      const lost = (row: SentRow) =>
        options.since === undefined
          ? (consumersOf[row.type] ?? []).some((consumer) => !known.get(consumer)?.has(row.id))
          : row.sentTime >= options.since;
      return [service, markFrom(fileAt(dataDir, position), lost)];
    }),
  );
}

interface SentRow {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly aggregate: string;
  readonly sentTime: number;
}

const fileAt = (dataDir: string, position: number) => join(dataDir, serviceFiles[position] ?? "");

/** What a service has, or has given up on; what it had only begun is the broker's to deliver. */
function knownMessages(dataDir: string, position: number): ReadonlySet<string> {
  const queries = { rows: "SELECT message_id AS id FROM inbox WHERE state <> 'started'" };
  const { rows = [] } = readSnapshot(fileAt(dataDir, position), queries);
  return new Set((rows as readonly { id: string }[]).map(({ id }) => id));
}

function markFrom(file: string, isLost: (row: SentRow) => boolean): number {
  const database = new BetterSqlite3(file, { fileMustExist: true, timeout: lockTimeoutMs });
  try {
    database.pragma("synchronous = FULL");
    const select = database.prepare<[], SentRow>(
      "SELECT seq, event_id AS id, type, aggregate, sent_time AS sentTime FROM outbox WHERE sent_time IS NOT NULL ORDER BY seq",
    );
    // A backup of an older version does not count how often, and its service will from its next start.
    const isCounted = database.prepare("SELECT 1 FROM pragma_table_info('outbox') WHERE name = 'sent_again'").get();
    const count = isCounted === undefined ? "" : ", sent_again = sent_again + 1";
    const mark = database.prepare(
      `UPDATE outbox SET sent_time = NULL${count} WHERE aggregate = ? AND seq >= ? AND sent_time IS NOT NULL`,
    );
    const markAll = database.transaction(() => {
      const firstLost = new Map<string, number>();
      for (const row of select.iterate()) {
        if (!firstLost.has(row.aggregate) && isLost(row)) firstLost.set(row.aggregate, row.seq);
      }
      let marked = 0;
      for (const [aggregate, seq] of firstLost) marked += mark.run(aggregate, seq).changes;
      return marked;
    });
    return markAll.immediate();
  } finally {
    database.close();
  }
}
