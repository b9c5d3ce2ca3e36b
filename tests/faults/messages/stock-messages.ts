import { create, toBinary } from "@bufbuild/protobuf";
import type { BrokerMessage } from "@quartet/chassis/broker/broker";
import {
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderPlacedSchema,
} from "@quartet/proto/shop/order/v1/order_events_pb";

/** How the stock of an order ends, and with it what messages there are about it. */
export type StockEnding = "HELD" | "SOLD" | "RELEASED";

/** Pieces of each order. */
export const quantity = 2;
const endings: readonly StockEnding[] = ["HELD", "SOLD", "RELEASED"];

/** Orders by their ids, with how their stock has to end. */
export const stockOrders: ReadonlyMap<string, StockEnding> = new Map(
  Array.from({ length: 90 }, (_, number) => [`order-${number}`, endings[number % endings.length] as StockEnding]),
);

/** What product-svc hears of the orders, whose one product is `products/cup`. */
export function stockMessages(): BrokerMessage[] {
  return [...stockOrders].flatMap(([id, ending]) => {
    const order = `orders/${id}`;
    const message = (name: string, version: number, payload: Uint8Array): BrokerMessage => ({
      id: `${id}-${name}`,
      type: `shop.order.v1.${name}`,
      aggregate: order,
      version,
      payload,
      time: 0,
    });
    const placed = create(OrderPlacedSchema, { order, lines: [{ product: "products/cup", quantity }] });
    const first = message("OrderPlaced", 1, toBinary(OrderPlacedSchema, placed));
    if (ending === "SOLD") {
      const confirmed = toBinary(OrderConfirmedSchema, create(OrderConfirmedSchema, { order }));
      return [first, message("OrderConfirmed", 2, confirmed)];
    }
    if (ending === "RELEASED") {
      const cancelled = toBinary(OrderCancelledSchema, create(OrderCancelledSchema, { order }));
      return [first, message("OrderCancelled", 2, cancelled)];
    }
    return [first];
  });
}
