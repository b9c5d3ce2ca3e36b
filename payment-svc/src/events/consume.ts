import { type MessageHandler, onEvent } from "@quartet/chassis/broker/on-event";
import { fromName } from "@quartet/chassis/resource-name";
import { OrderCancelledSchema, OrderReadyForPaymentSchema } from "@quartet/proto/shop/order/v1/order_events_pb";
import type { SettlePayments } from "../app/settle-payments.ts";

/** Creates the handlers of the events this service consumes: the contract names them, and the consumer checks it. */
export function createHandlers(deps: {
  settlePayments: SettlePayments;
}): (readonly [type: string, handler: MessageHandler])[] {
  const { settlePayments } = deps;
  return [
    onEvent(OrderReadyForPaymentSchema, (event, message) => {
      const amount = { currency: event.amount?.currency ?? "", minorUnits: Number(event.amount?.minorUnits ?? 0) };
      return settlePayments.open(
        {
          id: fromName("orders", event.order),
          userId: fromName("users", event.user),
          amount,
          paymentToken: event.paymentToken,
        },
        message,
      );
    }),
    onEvent(OrderCancelledSchema, (event, message) =>
      settlePayments.cancel({ id: fromName("orders", event.order), userId: fromName("users", event.user) }, message),
    ),
  ];
}
