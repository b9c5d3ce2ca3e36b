import { DomainError } from "@quartet/chassis/domain-error";
import type { OrderChange } from "./advance-order.ts";
import { advanceOrder } from "./advance-order.ts";
import type { Cause, Moment, Money, Order, Transition } from "./order.ts";
import { settleOrder } from "./settle-order.ts";

/** News about the money of an order. */
export type PaymentFact = {
  readonly cause: Cause;
  /** Version of the payment after it. */
  readonly version: number;
} & (
  | { readonly state: "CAPTURED"; readonly amount: Money }
  | { readonly state: "DECLINED" | "VOIDED" }
  /** `refunded` is the sum of all refunds so far. */
  | { readonly state: "REFUNDED"; readonly refunded: Money }
);

/**
 * Records news about the money of an order and moves the order where that leads. News older than what is known does not
 * change the payment's state; amounts only ever rise. Throws DomainError failed_precondition CAPTURED_AMOUNT_MISMATCH or
 * REFUNDED_AMOUNT_MISMATCH when the amounts cannot belong to this order.
 */
export function recordPayment(order: Order, fact: PaymentFact, moment: Moment): Transition {
  const state: OrderChange =
    fact.version < order.paymentVersion ? {} : { paymentState: fact.state, paymentVersion: fact.version };
  const change = { ...state, ...amountsOf(order, fact) };
  return advanceOrder(order, { ...change, ...settleOrder({ ...order, ...change }) }, moment, fact.cause);
}

function amountsOf(order: Order, fact: PaymentFact): OrderChange {
  switch (fact.state) {
    case "CAPTURED":
      if (fact.amount.minorUnits !== order.totalMinor || fact.amount.currency !== order.currency) {
        throw mismatch("CAPTURED_AMOUNT_MISMATCH", order, fact.amount, "was captured");
      }
      return { capturedMinor: order.totalMinor };
    case "REFUNDED":
      if (fact.refunded.minorUnits > order.totalMinor || fact.refunded.currency !== order.currency) {
        throw mismatch("REFUNDED_AMOUNT_MISMATCH", order, fact.refunded, "was refunded");
      }
      // What was refunded was captured before, even if that news is still on its way.
      return {
        capturedMinor: order.totalMinor,
        refundedMinor: Math.max(order.refundedMinor, fact.refunded.minorUnits),
      };
    case "DECLINED":
    case "VOIDED":
      return {};
  }
}

function mismatch(reason: string, order: Order, amount: Money, what: string): DomainError {
  const total = `${order.totalMinor} ${order.currency}`;
  const got = `${amount.minorUnits} ${amount.currency}`;
  return new DomainError(
    "failed_precondition",
    reason,
    `${got} ${what} for orders/${order.id}, whose total is ${total}`,
    {
      metadata: { order: `orders/${order.id}`, total, amount: got },
    },
  );
}
