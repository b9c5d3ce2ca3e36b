import type { Database } from "@quartet/chassis/storage/database";
import type { OutgoingEvent } from "@quartet/chassis/storage/messages";
import type { UnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import type { ProductStore } from "../app/ports.ts";
import type { Product, ProductEvent } from "../domain/product.ts";
import type { StockEvent } from "../domain/reservation.ts";
import { createProductRows } from "./product-rows.ts";
import { createProductWriter } from "./product-writer.ts";

/** Creates the store of products and stock on SQLite. `toOutgoing` encodes events for the outbox. */
export function createProductStore(options: {
  database: Database;
  unitOfWork: UnitOfWork;
  toOutgoing: (event: ProductEvent | StockEvent) => OutgoingEvent;
  now: () => number;
}): ProductStore {
  const { unitOfWork, toOutgoing } = options;
  const load = createProductRows(options.database);
  const write = createProductWriter(options.database, options.now);

  const requireProduct = (id: string): Product => {
    const product = load.product(id);
    if (product === undefined) throw new Error(`products/${id} was saved and is gone`);
    return product;
  };

  return {
    create: (request, decide) =>
      unitOfWork.commitRequest(
        request,
        () => {
          const { next, events } = decide();
          write.create(next);
          write.adjustment(next.id, next.available, "initial stock");
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
          write.change(next);
          write.adjustment(productId, next.available - (before?.available ?? 0), reason);
          return { value: next, resource: productId, events: events.map(toOutgoing) };
        },
        requireProduct,
      ),

    update: (productId, decide) =>
      unitOfWork.commit(() => {
        const { next, events } = decide(load.product(productId));
        if (events.length > 0) write.change(next);
        return { value: next, events: events.map(toOutgoing) };
      }),

    moveStock: (orderId, productIds, message, decide) =>
      unitOfWork.commitMessage(message, () => {
        const reservation = load.reservation(orderId);
        const held = reservation?.lines.map((line) => line.productId) ?? [];
        const decision = decide(reservation, load.products([...new Set([...productIds, ...held])].sort()));
        if (decision === undefined) return { value: undefined };
        decision.products.forEach(write.stock);
        write.reservation(reservation, decision.next);
        return { value: undefined, events: decision.events.map(toOutgoing) };
      }),
  };
}
