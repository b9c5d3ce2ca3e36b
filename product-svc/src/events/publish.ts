import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createEventEncoder } from "@quartet/chassis/events/outgoing-event";
import { toName } from "@quartet/chassis/resource-name";
import type { OutgoingEvent } from "@quartet/chassis/storage/messages";
import {
  ProductArchivedSchema,
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
  INSUFFICIENT_STOCK: StockRejected_Reason.INSUFFICIENT_STOCK,
  PRODUCT_ARCHIVED: StockRejected_Reason.PRODUCT_ARCHIVED,
  PRODUCT_NOT_FOUND: StockRejected_Reason.PRODUCT_NOT_FOUND,
};

const productSchemas = {
  created: ProductCreatedSchema,
  updated: ProductUpdatedSchema,
  archived: ProductArchivedSchema,
};

/**
 * Creates the encoder of this service's events. The stock of an order is an aggregate of its own, `reservations/{order}`:
 * its events reach everyone in order.
 */
export function createToOutgoing(deps: { newId: () => string }): (event: ProductEvent | StockEvent) => OutgoingEvent {
  const encode = createEventEncoder(deps);
  return (event) => {
    switch (event.kind) {
      case "created":
      case "updated":
      case "archived": {
        const product = toProductMessage(event.product);
        return encode(productSchemas[event.kind], product.name, event.product.version, { product });
      }
      case "reserved":
        return encode(StockReservedSchema, aggregateOf(event), event.version, {
          ...stockFields(event),
          reserveTime: timestampFromMs(event.time),
        });
      case "rejected":
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
      case "released":
        return encode(StockReleasedSchema, aggregateOf(event), event.version, {
          ...stockFields(event),
          releaseTime: timestampFromMs(event.time),
        });
      case "sold":
        return encode(StockSoldSchema, aggregateOf(event), event.version, {
          ...stockFields(event),
          sellTime: timestampFromMs(event.time),
        });
    }
  };
}

const aggregateOf = (event: StockEvent) => toName("reservations", event.orderId);
const stockFields = (event: StockEvent) => ({ order: toName("orders", event.orderId), version: BigInt(event.version) });
