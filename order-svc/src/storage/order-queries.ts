import type { Database } from "@quartet/chassis/storage/database";
import { and, asc, desc, eq, gt, lt, sql } from "@quartet/chassis/storage/drizzle";
import type { OrderQueries } from "../app/ports.ts";
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

  return {
    get: async (orderId) => load.order(orderId),

    list: async ({ userId, afterId, limit }) =>
      load.withLines(
        orm
          .select()
          .from(orders)
          .where(and(eq(orders.userId, userId), afterId === undefined ? undefined : lt(orders.id, afterId)))
          .orderBy(desc(orders.id))
          .limit(limit)
          .all(),
      ),

    timeline: async (query) =>
      timeline.all(query).map(({ sequence, state, cause, eventId, recordTime, traceId }) => ({
        sequence,
        state,
        cause: { type: cause, eventId },
        time: recordTime,
        traceId,
      })),
  };
}
