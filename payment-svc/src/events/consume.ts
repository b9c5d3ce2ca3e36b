import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type MessageHandler, onEvent } from "@quartet/chassis/broker/on-event";
import { fromName } from "@quartet/chassis/resource-name";
import type { Money as MoneyMessage } from "@quartet/proto/shop/money/v1/money_pb";
import { OrderCancelledSchema, OrderReadyForPaymentSchema } from "@quartet/proto/shop/order/v1/order_events_pb";
import type { SettlePayments } from "../app/settle-payments.ts";
import type { Money } from "../domain/payment.ts";

/** Creates the handlers of the events this service consumes: the contract names them, and the consumer checks it. */
export function createHandlers(deps: {
  settlePayments: SettlePayments;
}): (readonly [type: string, handler: MessageHandler])[] {
  const { settlePayments } = deps;
  return [
    onEvent(OrderReadyForPaymentSchema, (event, message) => {
      const amount = event.amount === undefined ? { currency: "", minorUnits: 0 } : toMoney(event.amount);
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
      settlePayments.cancel(
        {
          id: fromName("orders", event.order),
          userId: fromName("users", event.user),
          total: event.total && toMoney(event.total),
          placeTime: event.placeTime && timestampMs(event.placeTime),
        },
        message,
      ),
    ),
  ];
}

function toMoney({ currency, minorUnits }: MoneyMessage): Money {
  return { currency, minorUnits: Number(minorUnits) };
}
