import type { Database } from "@quartet/chassis/storage/database";
import { eq, sql } from "@quartet/chassis/storage/drizzle";
import { placeholders, placeholdersFor } from "@quartet/chassis/storage/placeholders";
import type { Product } from "../domain/product.ts";
import type { Reservation } from "../domain/reservation.ts";
import { toRow } from "./product-rows.ts";
import { products, reservationLines, reservations, stockAdjustments } from "./schema.ts";

/**
 * Saves products and what orders hold of them, to be called inside a transaction. The statements are prepared once:
 * building them anew would cost more than running them.
 */
export function createProductWriter({ orm }: Database, now: () => number) {
  const { seq: _, ...productValues } = placeholders(products);
  const { id: __, ...productChanges } = productValues;
  const isProduct = eq(products.id, sql.placeholder("id"));
  const insertProduct = orm.insert(products).values(productValues).prepare();
  const updateProduct = orm.update(products).set(productChanges).where(isProduct).prepare();
  // Nothing else of a product moves with an order, and no index has to be touched for it.
  const stock = placeholdersFor(products, ["available", "held", "sold"]);
  const updateStock = orm.update(products).set(stock).where(isProduct).prepare();
  const { seq: ___, ...adjustmentValues } = placeholders(stockAdjustments);
  const insertAdjustment = orm.insert(stockAdjustments).values(adjustmentValues).prepare();
  const upsertReservation = orm
    .insert(reservations)
    .values(placeholders(reservations))
    .onConflictDoUpdate({
      target: reservations.orderId,
      set: placeholdersFor(reservations, ["state", "version", "updateTime"]),
    })
    .prepare();
  const insertLine = orm.insert(reservationLines).values(placeholders(reservationLines)).prepare();
  const deleteLines = orm
    .delete(reservationLines)
    .where(eq(reservationLines.orderId, sql.placeholder("orderId")))
    .prepare();

  return {
    create(product: Product): void {
      insertProduct.run(toRow(product));
    },
    change(product: Product): void {
      updateProduct.run(toRow(product));
    },
    stock({ id, available, held, sold }: Product): void {
      updateStock.run({ id, available, held, sold });
    },
    adjustment(productId: string, quantityDelta: number, reason: string): void {
      insertAdjustment.run({ productId, quantityDelta, reason, createTime: now() });
    },
    /** Saves what has become of a reservation, or a new one. */
    reservation(before: Reservation | undefined, { orderId, state, version, lines }: Reservation): void {
      const time = now();
      upsertReservation.run({ orderId, state, version, createTime: time, updateTime: time });
      if (lines === before?.lines) return;
      if (before !== undefined) deleteLines.run({ orderId });
      for (const { productId, quantity } of lines) insertLine.run({ orderId, productId, quantity });
    },
  };
}
