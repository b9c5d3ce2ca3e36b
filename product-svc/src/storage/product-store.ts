import type { Database } from "@quartet/chassis/storage/database";
import { eq } from "@quartet/chassis/storage/drizzle";
import type { OutgoingEvent } from "@quartet/chassis/storage/messages";
import type { UnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import type { ProductStore } from "../app/ports.ts";
import type { Product, ProductEvent } from "../domain/product.ts";
import type { Reservation, StockEvent } from "../domain/reservation.ts";
import { createProductRows, toRow } from "./product-rows.ts";
import { products, reservationLines, reservations, stockAdjustments } from "./schema.ts";

/** Creates the store of products and stock on SQLite. `toOutgoing` encodes events for the outbox. */
export function createProductStore(options: {
  database: Database;
  unitOfWork: UnitOfWork;
  toOutgoing: (event: ProductEvent | StockEvent) => OutgoingEvent;
  now: () => number;
}): ProductStore {
  const { unitOfWork, toOutgoing, now } = options;
  const { orm } = options.database;
  const load = createProductRows(options.database);

  const requireProduct = (id: string): Product => {
    const product = load.product(id);
    if (product === undefined) throw new Error(`products/${id} was saved and is gone`);
    return product;
  };

  const saveProduct = (product: Product) => {
    const { id, ...changes } = toRow(product);
    orm.update(products).set(changes).where(eq(products.id, id)).run();
  };

  // Nothing else of a product moves with an order, and no index has to be touched for it.
  const saveStock = ({ id, available, held, sold }: Product) => {
    orm.update(products).set({ available, held, sold }).where(eq(products.id, id)).run();
  };

  const recordAdjustment = (productId: string, quantityDelta: number, reason: string) => {
    orm.insert(stockAdjustments).values({ productId, quantityDelta, reason, createTime: now() }).run();
  };

  const saveReservation = (next: Reservation) => {
    const { orderId, state, version } = next;
    orm
      .insert(reservations)
      .values({ orderId, state, version, createTime: now(), updateTime: now() })
      .onConflictDoUpdate({ target: reservations.orderId, set: { state, version, updateTime: now() } })
      .run();
    orm.delete(reservationLines).where(eq(reservationLines.orderId, orderId)).run();
    if (next.lines.length > 0) {
      orm
        .insert(reservationLines)
        .values(next.lines.map((line) => ({ orderId, productId: line.productId, quantity: line.quantity })))
        .run();
    }
  };

  return {
    create: (request, decide) =>
      unitOfWork.commitRequest(
        request,
        () => {
          const { next, events } = decide();
          orm.insert(products).values(toRow(next)).run();
          recordAdjustment(next.id, next.available, "initial stock");
          return { value: next, resource: next.id, events: events.map(toOutgoing) };
        },
        requireProduct,
      ),

    adjust: (productId, { reason }, request, decide) =>
      unitOfWork.commitRequest(
        request,
        () => {
          const before = load.product(productId);
          const { next, events } = decide(before);
          saveProduct(next);
          recordAdjustment(productId, next.available - (before?.available ?? 0), reason);
          return { value: next, resource: productId, events: events.map(toOutgoing) };
        },
        requireProduct,
      ),

    update: (productId, decide) =>
      unitOfWork.commit(() => {
        const { next, events } = decide(load.product(productId));
        if (events.length > 0) saveProduct(next);
        return { value: next, events: events.map(toOutgoing) };
      }),

    moveStock: (orderId, productIds, message, decide) =>
      unitOfWork.commitMessage(message, () => {
        const reservation = load.reservation(orderId);
        const held = reservation?.lines.map((line) => line.productId) ?? [];
        const decision = decide(reservation, load.products([...new Set([...productIds, ...held])].sort()));
        if (decision === undefined) return { value: undefined };
        decision.products.forEach(saveStock);
        saveReservation(decision.next);
        return { value: undefined, events: decision.events.map(toOutgoing) };
      }),
  };
}
