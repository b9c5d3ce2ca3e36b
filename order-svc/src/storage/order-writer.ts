import type { Database } from "@quartet/chassis/storage/database";
import { eq, sql } from "@quartet/chassis/storage/drizzle";
import { placeholders, placeholdersFor } from "@quartet/chassis/storage/placeholders";
import type { RequestClaim } from "@quartet/chassis/storage/unit-of-work";
import type { Order, TimelineEntry } from "../domain/order.ts";
import { toRow } from "./order-rows.ts";
import { orderEvents, orderLines, orders } from "./schema.ts";

/** What can change about an order that exists. */
const changing = [
  "state",
  "version",
  "capturedMinor",
  "refundedMinor",
  "cancelReason",
  "stockState",
  "stockVersion",
  "paymentState",
  "paymentVersion",
  "paymentToken",
  "stepEventId",
  "stepTime",
  "updateTime",
  "confirmTime",
] as const;

/**
 * Saves orders and timelines, to be called inside a transaction. The statements are prepared once: building them anew
 * would cost more than running them.
 */
export function createOrderWriter(database: Database) {
  const { orm } = database;
  const insertOrder = orm.insert(orders).values(placeholders(orders)).prepare();
  const insertLine = orm.insert(orderLines).values(placeholders(orderLines)).prepare();
  const insertEntry = orm.insert(orderEvents).values(placeholders(orderEvents)).prepare();
  const updateOrder = orm
    .update(orders)
    .set(placeholdersFor(orders, changing))
    .where(eq(orders.id, sql.placeholder("id")))
    .prepare();

  const append = (orderId: string, { sequence, state, cause, time, traceId }: TimelineEntry) => {
    const { type, eventId } = cause;
    insertEntry.run({ orderId, sequence, state, cause: type, eventId, recordTime: time, traceId });
  };

  return {
    create(order: Order, entry: TimelineEntry, request: RequestClaim | undefined): void {
      const { requestId = null, hash: requestHash = null } = request ?? {};
      insertOrder.run({ ...toRow(order), requestId, requestHash });
      for (const [position, line] of order.lines.entries()) {
        insertLine.run({ orderId: order.id, position, ...line });
      }
      append(order.id, entry);
    },

    /** Saves a change of an order that exists. */
    change(order: Order, entry: TimelineEntry): void {
      updateOrder.run(toRow(order));
      append(order.id, entry);
    },
  };
}
