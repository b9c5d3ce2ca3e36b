import type { Database } from "@quartet/chassis/storage/database";
import { and, asc, desc, eq, gt, lt, sql } from "@quartet/chassis/storage/drizzle";
import type { OrderQueries } from "../app/ports.ts";
import type { TimelineEntry } from "../domain/order.ts";
import { createOrderRows } from "./order-rows.ts";
import { orderEvents, orders } from "./schema.ts";

/** Creates the reads of orders and timelines on SQLite. */
export function createOrderQueries(options: { database: Database }): OrderQueries {
  const { orm } = options.database;
  const load = createOrderRows(options.database);
  const timeline = orm
    .select()
    .from(orderEvents)
    .where(
      and(
        eq(orderEvents.orderId, sql.placeholder("orderId")),
        gt(orderEvents.sequence, sql.placeholder("afterSequence")),
      ),
    )
    .orderBy(asc(orderEvents.sequence))
    .limit(sql.placeholder("limit"))
    .prepare();

  // The ids as one parameter, so that it is one prepared statement for any number of them.
  const lastSequences = options.database.sqlite.prepare<{ orderIds: string }, { id: string; sequence: number | null }>(
    "SELECT value AS id, (SELECT max(sequence) FROM order_events WHERE order_id = value) AS sequence " +
      "FROM json_each(@orderIds)",
  );

  const entries = (query: Parameters<OrderQueries["timeline"]>[0]): TimelineEntry[] =>
    timeline.all(query).map(({ sequence, state, cause, eventId, recordTime, traceId }) => ({
      sequence,
      state,
      cause: { type: cause, eventId },
      time: recordTime,
      traceId,
    }));

  return {
    get: async (orderId) => load.order(orderId),

    list: async ({ userId, state, afterId, limit }) =>
      load.withLines(
        orm
          .select()
          .from(orders)
          .where(
            and(
              userId === undefined ? undefined : eq(orders.userId, userId),
              state === undefined ? undefined : eq(orders.state, state),
              afterId === undefined ? undefined : lt(orders.id, afterId),
            ),
          )
          .orderBy(desc(orders.id))
          .limit(limit)
          .all(),
      ),

    timeline: async (query) => entries(query),

    progress: async (query) => orm.transaction(() => ({ order: load.order(query.orderId), entries: entries(query) })),

    async lastSequences(orderIds) {
      const rows = lastSequences.all({ orderIds: JSON.stringify(orderIds) });
      return new Map(rows.flatMap(({ id, sequence }) => (sequence === null ? [] : [[id, sequence] as const])));
    },
  };
}
