import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createEventEncoder } from "@quartet/chassis/events/outgoing-event";
import { toName } from "@quartet/chassis/resource-name";
import type { OutgoingEvent } from "@quartet/chassis/storage/messages";
import {
  PaymentCapturedSchema,
  PaymentDeclinedSchema,
  PaymentRefundedSchema,
  PaymentVoidedSchema,
} from "@quartet/proto/shop/payment/v1/payment_events_pb";
import type { PaymentEvent } from "../domain/payment.ts";
import { toMoneyMessage } from "../rpc/payment-message.ts";

/** Creates the encoder of this service's events. */
export function createToOutgoing(deps: { newId: () => string }): (event: PaymentEvent) => OutgoingEvent {
  const encode = createEventEncoder(deps);
  return (event) => {
    const payment = toName("payments", event.paymentId);
    const common = { payment, order: toName("orders", event.paymentId), version: BigInt(event.version) };
    const time = timestampFromMs(event.time);
    switch (event.kind) {
      case "captured":
        return encode(PaymentCapturedSchema, payment, event.version, {
          ...common,
          amount: toMoneyMessage(event.amount),
          captureTime: time,
        });
      case "declined":
        return encode(PaymentDeclinedSchema, payment, event.version, {
          ...common,
          declineCode: event.declineCode,
          declineTime: time,
        });
      case "voided":
        return encode(PaymentVoidedSchema, payment, event.version, { ...common, voidTime: time });
      case "refunded":
        return encode(PaymentRefundedSchema, payment, event.version, {
          ...common,
          amount: toMoneyMessage(event.amount),
          refunded: toMoneyMessage(event.refunded),
          refundTime: time,
        });
    }
  };
}
