import assert from "node:assert/strict";
import { DomainError } from "@quartet/chassis/domain-error";
import fc from "fast-check";
import { describe, it } from "mocha";
import { aCapture, aCause, aMoment, aPendingOrder, aRefund, aStockFact } from "../testing/builders.ts";
import { anyStep, type Step } from "../testing/histories.ts";
import { cancelOrder, cancelOrderOfDeletedUser, expireOrder } from "./cancel-order.ts";
import type { Order, OrderEvent, Transition } from "./order.ts";
import { isOpen } from "./order.ts";
import { recordPayment } from "./record-payment.ts";
import { recordStock } from "./record-stock.ts";

const anyStepOrDeadline: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: anyStep },
  {
    weight: 1,
    arbitrary: fc.constantFrom(0, 1, 2).map(
      (which): Step =>
        (order) =>
          which === 2
            ? cancelOrderOfDeletedUser(order, aCause("shop.user.v1.UserDeleted"), aMoment())
            : expireOrder(order, which === 1 ? "gone" : (order.step?.eventId ?? ""), aMoment()),
    ),
  },
);

const arrows: Readonly<Record<Order["state"], readonly Order["state"][]>> = {
  PENDING: ["PENDING", "AWAITING_PAYMENT", "CONFIRMED", "CANCELLED"],
  AWAITING_PAYMENT: ["AWAITING_PAYMENT", "CONFIRMED", "CANCELLED"],
  CONFIRMED: ["CONFIRMED", "CANCELLED"],
  CANCELLED: ["CANCELLED"],
};

const eventsOfState = {
  PENDING: "placed",
  AWAITING_PAYMENT: "readyForPayment",
  CONFIRMED: "confirmed",
  CANCELLED: "cancelled",
};

function check(before: Order, { next, events, entry }: Transition): void {
  assert.ok(arrows[before.state].includes(next.state), `${before.state} → ${next.state}`);
  assert.equal(next.version, entry ? before.version + 1 : before.version);
  assert.equal(entry?.sequence ?? next.version, next.version);
  assert.deepEqual(
    events.map((event) => event.kind),
    before.state === next.state ? [] : [eventsOfState[next.state]],
  );
  for (const event of events) {
    assert.equal(event.version, next.version);
  }
  assert.equal(next.paymentToken !== undefined, isOpen(next));
  assert.equal(next.step !== undefined, isOpen(next));
  assert.equal(next.cancelReason !== undefined, next.state === "CANCELLED");
  assert.ok(next.capturedMinor === 0 || next.capturedMinor === next.totalMinor);
  assert.ok(next.refundedMinor <= next.capturedMinor);
  assert.ok(next.capturedMinor >= before.capturedMinor && next.refundedMinor >= before.refundedMinor);
  assert.ok(next.stockVersion >= before.stockVersion && next.paymentVersion >= before.paymentVersion);
  assert.ok(next.state !== "CONFIRMED" || next.capturedMinor === next.totalMinor);
  assert.ok(next.state !== "AWAITING_PAYMENT" || next.stockState !== undefined);
  assert.ok(next.updateTime >= before.updateTime);
}

describe("an order", () => {
  it("keeps its invariants whatever it hears in whatever order", () => {
    fc.assert(
      fc.property(fc.array(anyStepOrDeadline, { maxLength: 25 }), (steps) => {
        const emitted: OrderEvent["kind"][] = [];
        let order = aPendingOrder();
        for (const step of steps) {
          let transition: Transition;
          try {
            transition = step(order);
          } catch (error) {
            assert.ok(error instanceof DomainError && error.reason === "CANCEL_WINDOW_CLOSED", String(error));
            continue;
          }
          check(order, transition);
          order = transition.next;
          emitted.push(...transition.events.map((event) => event.kind));
        }
        assert.equal(new Set(emitted).size, emitted.length, "each event is emitted at most once");
      }),
      { numRuns: 1000 },
    );
  });

  it("ends up knowing the same about stock and money in whatever order the facts arrive", () => {
    const facts: Step[] = [
      (order) => recordStock(order, aStockFact("RESERVED", 1), aMoment()),
      (order) => recordStock(order, aStockFact("SOLD", 2), aMoment()),
      (order) => recordStock(order, aStockFact("RELEASED", 3), aMoment()),
      (order) => recordPayment(order, aCapture(2), aMoment()),
      (order) => recordPayment(order, aRefund(3, 1000), aMoment()),
      (order) => recordPayment(order, aRefund(4, 2598), aMoment()),
      (order) => cancelOrder(order, 1000, aMoment()),
    ];
    fc.assert(
      fc.property(fc.shuffledSubarray(facts, { minLength: facts.length }), (steps) => {
        const { state, stockState, paymentState, capturedMinor, refundedMinor } = steps.reduce(
          (order, step) => step(order).next,
          aPendingOrder(),
        );
        assert.deepEqual(
          { state, stockState, paymentState, capturedMinor, refundedMinor },
          {
            state: "CANCELLED",
            stockState: "RELEASED",
            paymentState: "REFUNDED",
            capturedMinor: 2598,
            refundedMinor: 2598,
          },
        );
      }),
      { numRuns: 500 },
    );
  });
});
