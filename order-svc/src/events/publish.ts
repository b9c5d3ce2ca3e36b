import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createEventEncoder } from "@quartet/chassis/events/outgoing-event";
import { toName } from "@quartet/chassis/resource-name";
import type { OutgoingEvent } from "@quartet/chassis/storage/messages";
import {
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderPlacedSchema,
  OrderReadyForPaymentSchema,
} from "@quartet/proto/shop/order/v1/order_events_pb";
import type { OrderEvent } from "../domain/order.ts";
import { cancelReasons, toLineMessage, toMoneyMessage } from "../rpc/order-message.ts";

/** Encodes an event of an order for the outbox, under the id that the order's timeline knows it by. */
export function toOutgoing(event: OrderEvent): OutgoingEvent {
  const order = toName("orders", event.orderId);
  const encode = createEventEncoder({ newId: () => event.id });
  const base = { order, version: BigInt(event.version), user: toName("users", event.userId) };
  const time = timestampFromMs(event.time);
  switch (event.kind) {
    case "placed": {
      const lines = event.lines.map((line) => toLineMessage(line, event.total.currency));
      const total = toMoneyMessage(event.total);
      return encode(OrderPlacedSchema, order, event.version, { ...base, lines, total, placeTime: time });
    }
    case "readyForPayment": {
      const { amount, paymentToken } = event;
      const message = { ...base, amount: toMoneyMessage(amount), paymentToken, readyTime: time };
      return encode(OrderReadyForPaymentSchema, order, event.version, message);
    }
    case "confirmed": {
      const message = { ...base, total: toMoneyMessage(event.total), confirmTime: time };
      return encode(OrderConfirmedSchema, order, event.version, message);
    }
    case "cancelled": {
      const reason = cancelReasons[event.reason];
      const placeTime = timestampFromMs(event.placeTime);
      const message = { ...base, reason, cancelTime: time, total: toMoneyMessage(event.total), placeTime };
      return encode(OrderCancelledSchema, order, event.version, message);
    }
  }
}
