import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { toName } from "@quartet/chassis/resource-name";
import { toEtag } from "@quartet/chassis/rpc/etag";
import { type Money as MoneyMessage, MoneySchema } from "@quartet/proto/shop/money/v1/money_pb";
import {
  Payment_State,
  type Payment as PaymentMessage,
  PaymentSchema,
} from "@quartet/proto/shop/payment/v1/payment_pb";
import { type Money, type Payment, type PaymentState, refundedMinor, refundsPendingMinor } from "../domain/payment.ts";

const states: Readonly<Record<PaymentState, Payment_State>> = {
  CAPTURING: Payment_State.CAPTURING,
  CAPTURED: Payment_State.CAPTURED,
  DECLINED: Payment_State.DECLINED,
  VOIDED: Payment_State.VOIDED,
};

/** Returns the message of an amount. */
export function toMoneyMessage({ currency, minorUnits }: Money): MoneyMessage {
  return create(MoneySchema, { currency, minorUnits: BigInt(minorUnits) });
}

/** Returns the amount of a message that the contract's rules let pass. */
export function fromMoneyMessage({ currency, minorUnits }: MoneyMessage): Money {
  return { currency, minorUnits: Number(minorUnits) };
}

/** Returns the message of a payment. The payment token is nobody's business. */
export function toPaymentMessage(payment: Payment): PaymentMessage {
  const { amount } = payment;
  const moneyOf = (minorUnits: number) => amount && toMoneyMessage({ currency: amount.currency, minorUnits });
  return create(PaymentSchema, {
    name: toName("payments", payment.id),
    order: toName("orders", payment.id),
    user: toName("users", payment.userId),
    state: states[payment.state],
    amount: amount && toMoneyMessage(amount),
    refunded: moneyOf(refundedMinor(payment)),
    refundsPending: moneyOf(refundsPendingMinor(payment)),
    declineCode: payment.declineCode,
    createTime: timestampFromMs(payment.createTime),
    updateTime: timestampFromMs(payment.updateTime),
    etag: toEtag(payment.version),
  });
}
