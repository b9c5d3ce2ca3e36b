import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createEventEncoder } from "@quartet/chassis/events/outgoing-event";
import { toName } from "@quartet/chassis/resource-name";
import type { OutgoingEvent } from "@quartet/chassis/storage/messages";
import {
  ProductCreatedSchema,
  ProductUpdatedSchema,
  StockRejected_Reason,
  StockRejectedSchema,
  StockReleasedSchema,
  StockReservedSchema,
  StockSoldSchema,
} from "@quartet/proto/shop/product/v1/product_events_pb";
import type { ProductEvent } from "../domain/product.ts";
import type { Shortage, StockEvent } from "../domain/reservation.ts";
import { toProductMessage } from "../rpc/product-message.ts";

const reasons: Readonly<Record<Shortage["reason"], StockRejected_Reason>> = {
  insufficient_stock: StockRejected_Reason.INSUFFICIENT_STOCK,
  product_archived: StockRejected_Reason.PRODUCT_ARCHIVED,
  product_not_found: StockRejected_Reason.PRODUCT_NOT_FOUND,
};

/**
 * Creates the encoder of this service's events. The stock of an order is an aggregate of its own, `reservations/{order}`:
 * its events reach everyone in order.
 */
export function createToOutgoing(deps: { newId: () => string }): (event: ProductEvent | StockEvent) => OutgoingEvent {
  const encode = createEventEncoder(deps);
  return (event) => {
    switch (event.type) {
      case "productCreated":
      case "productUpdated": {
        const schema = event.type === "productCreated" ? ProductCreatedSchema : ProductUpdatedSchema;
        const product = toProductMessage(event.product);
        return encode(schema, product.name, event.product.version, { product });
      }
      case "stockReserved":
        return encode(StockReservedSchema, aggregateOf(event), event.version, {
          ...stockFields(event),
          reserveTime: timestampFromMs(event.time),
        });
      case "stockRejected":
        return encode(StockRejectedSchema, aggregateOf(event), event.version, {
          ...stockFields(event),
          shortages: event.shortages.map((shortage) => ({
            product: toName("products", shortage.productId),
            requestedQuantity: shortage.requested,
            availableQuantity: shortage.available,
            reason: reasons[shortage.reason],
          })),
          rejectTime: timestampFromMs(event.time),
        });
      case "stockReleased":
        return encode(StockReleasedSchema, aggregateOf(event), event.version, {
          ...stockFields(event),
          releaseTime: timestampFromMs(event.time),
        });
      case "stockSold":
        return encode(StockSoldSchema, aggregateOf(event), event.version, {
          ...stockFields(event),
          sellTime: timestampFromMs(event.time),
        });
    }
  };
}

const aggregateOf = (event: StockEvent) => toName("reservations", event.orderId);
const stockFields = (event: StockEvent) => ({ order: toName("orders", event.orderId), version: BigInt(event.version) });
