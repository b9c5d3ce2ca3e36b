import fc from "fast-check";
import { cancelOrder } from "../domain/cancel-order.ts";
import type { Order, Transition } from "../domain/order.ts";
import { recordPayment } from "../domain/record-payment.ts";
import { recordStock } from "../domain/record-stock.ts";
import { aCapture, aMoment, aPaymentEnd, aRefund, aStockFact } from "./builders.ts";

/** One thing that happens to an order. It may refuse, as a cancellation that comes too late does. */
export type Step = (order: Order) => Transition;

const version = fc.integer({ min: 1, max: 6 });

/** Anything that can happen to the built orders, in any order and as often as it likes. */
export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ state: fc.constantFrom("RESERVED", "REJECTED", "SOLD", "RELEASED"), version }).map(
    (fact): Step =>
      (order) =>
        recordStock(order, aStockFact(fact.state, fact.version), aMoment()),
  ),
  version.map(
    (at): Step =>
      (order) =>
        recordPayment(order, aCapture(at), aMoment()),
  ),
  fc.record({ state: fc.constantFrom("DECLINED", "VOIDED"), version }).map(
    (fact): Step =>
      (order) =>
        recordPayment(order, aPaymentEnd(fact.state, fact.version), aMoment()),
  ),
  fc.record({ version, minorUnits: fc.integer({ min: 1, max: 2598 }) }).map(
    (fact): Step =>
      (order) =>
        recordPayment(order, aRefund(fact.version, fact.minorUnits), aMoment()),
  ),
  fc.constantFrom(0, 2000).map(
    (afterMs): Step =>
      (order) =>
        cancelOrder(order, 1000, aMoment(afterMs)),
  ),
);
