import { type MessageHandler, onEvent } from "@quartet/chassis/broker/on-event";
import { fromName } from "@quartet/chassis/resource-name";
import {
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderPlacedSchema,
} from "@quartet/proto/shop/order/v1/order_events_pb";
import type { MoveStock } from "../app/move-stock.ts";

/** Creates the handlers of the events this service consumes: the contract names them, and the consumer checks it. */
export function createHandlers(deps: { moveStock: MoveStock }): (readonly [type: string, handler: MessageHandler])[] {
  const { moveStock } = deps;
  return [
    onEvent(OrderPlacedSchema, (event, message) => {
      const lines = event.lines.map((line) => ({
        productId: fromName("products", line.product),
        quantity: line.quantity,
      }));
      return moveStock.hold({ orderId: fromName("orders", event.order), lines }, message);
    }),
    onEvent(OrderConfirmedSchema, (event, message) => moveStock.sell(fromName("orders", event.order), message)),
    onEvent(OrderCancelledSchema, (event, message) => moveStock.release(fromName("orders", event.order), message)),
  ];
}
