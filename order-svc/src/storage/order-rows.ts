import type { Database } from "@quartet/chassis/storage/database";
import { asc, eq, type InferSelectModel, inArray, sql } from "@quartet/chassis/storage/drizzle";
import type { Order, OrderLine } from "../domain/order.ts";
import { orderLines, orders } from "./schema.ts";

/** A row of the table of orders. */
export type OrderRow = InferSelectModel<typeof orders>;

const lineColumns = {
  productId: orderLines.productId,
  productVersion: orderLines.productVersion,
  displayName: orderLines.displayName,
  quantity: orderLines.quantity,
  unitPriceMinor: orderLines.unitPriceMinor,
};

/** Loads orders with their lines. Called inside and outside transactions. */
export function createOrderRows(database: Database) {
  const { orm } = database;
  const orderById = orm
    .select()
    .from(orders)
    .where(eq(orders.id, sql.placeholder("id")))
    .prepare();
  const linesById = orm
    .select(lineColumns)
    .from(orderLines)
    .where(eq(orderLines.orderId, sql.placeholder("id")))
    .orderBy(asc(orderLines.position))
    .prepare();

  return {
    order(id: string): Order | undefined {
      const row = orderById.get({ id });
      return row === undefined ? undefined : toOrder(row, linesById.all({ id }));
    },

    withLines(rows: readonly OrderRow[]): readonly Order[] {
      const ids = rows.map((row) => row.id);
      if (ids.length === 0) return [];
      const lines = orm
        .select({ orderId: orderLines.orderId, ...lineColumns })
        .from(orderLines)
        .where(inArray(orderLines.orderId, ids))
        .orderBy(asc(orderLines.orderId), asc(orderLines.position))
        .all();
      const linesOf = Map.groupBy(lines, (line) => line.orderId);
      return rows.map((row) =>
        toOrder(
          row,
          (linesOf.get(row.id) ?? []).map(({ orderId: _, ...line }) => line),
        ),
      );
    },
  };
}

function toOrder(row: OrderRow, lines: readonly OrderLine[]): Order {
  return {
    id: row.id,
    userId: row.userId,
    state: row.state,
    version: row.version,
    lines,
    currency: row.currency,
    totalMinor: row.totalMinor,
    capturedMinor: row.capturedMinor,
    refundedMinor: row.refundedMinor,
    cancelReason: row.cancelReason ?? undefined,
    stockState: row.stockState ?? undefined,
    stockVersion: row.stockVersion,
    paymentState: row.paymentState ?? undefined,
    paymentVersion: row.paymentVersion,
    paymentToken: row.paymentToken ?? undefined,
    step: row.stepEventId === null ? undefined : { eventId: row.stepEventId, time: row.stepTime ?? row.updateTime },
    createTime: row.createTime,
    updateTime: row.updateTime,
    confirmTime: row.confirmTime ?? undefined,
  };
}

/** Returns the row of an order, but for the request that placed it. */
export function toRow(order: Order): Omit<OrderRow, "requestId" | "requestHash"> {
  const { lines: _, step, ...row } = order;
  return {
    ...row,
    cancelReason: order.cancelReason ?? null,
    stockState: order.stockState ?? null,
    paymentState: order.paymentState ?? null,
    paymentToken: order.paymentToken ?? null,
    stepEventId: step?.eventId ?? null,
    stepTime: step?.time ?? null,
    confirmTime: order.confirmTime ?? null,
  };
}
