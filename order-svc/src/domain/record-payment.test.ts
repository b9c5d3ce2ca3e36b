import assert from "node:assert/strict";
import { describe, it } from "mocha";
import {
  aCapture,
  aConfirmedOrder,
  aMoment,
  anAwaitingOrder,
  aPaymentEnd,
  aPendingOrder,
  aRefund,
} from "../testing/builders.ts";
import { cancelOrder } from "./cancel-order.ts";
import { recordPayment } from "./record-payment.ts";

describe("recordPayment", () => {
  it("confirms the order when the money is captured and forgets the payment token", () => {
    const moment = aMoment(20);
    const { next, events } = recordPayment(anAwaitingOrder(), aCapture(2), moment);
    assert.equal(next.state, "CONFIRMED");
    assert.equal(next.capturedMinor, 2598);
    assert.equal(next.confirmTime, moment.time);
    assert.equal(next.paymentToken, undefined);
    assert.equal(next.step, undefined);
    assert.deepEqual(events, [
      {
        kind: "confirmed",
        id: moment.eventId,
        orderId: "o1",
        version: 3,
        userId: "ada",
        time: moment.time,
        total: { currency: "EUR", minorUnits: 2598 },
      },
    ]);
  });

  it("cancels the order when the payment is declined", () => {
    const { next, events } = recordPayment(anAwaitingOrder(), aPaymentEnd("DECLINED", 2), aMoment());
    assert.equal(next.cancelReason, "PAYMENT_DECLINED");
    assert.equal(next.paymentState, "DECLINED");
    assert.deepEqual(
      events.map((event) => event.kind === "cancelled" && event.reason),
      ["PAYMENT_DECLINED"],
    );
  });

  it("records a capture that comes after the cancellation and leaves the order cancelled", () => {
    const cancelled = cancelOrder(anAwaitingOrder(), 0, aMoment()).next;
    const captured = recordPayment(cancelled, aCapture(2), aMoment()).next;
    assert.equal(captured.state, "CANCELLED");
    assert.equal(captured.capturedMinor, 2598);
    const refunded = recordPayment(captured, aRefund(3, 2598), aMoment()).next;
    assert.equal(refunded.refundedMinor, 2598);
    assert.equal(refunded.paymentState, "REFUNDED");
  });

  it("records that a cancelled order's payment was voided", () => {
    const cancelled = cancelOrder(aPendingOrder(), 0, aMoment()).next;
    const { next, events } = recordPayment(cancelled, aPaymentEnd("VOIDED", 1), aMoment());
    assert.equal(next.paymentState, "VOIDED");
    assert.deepEqual(events, []);
  });

  it("updates the refunded amount of a confirmed order without moving it", () => {
    const { next, events } = recordPayment(aConfirmedOrder(), aRefund(3, 500), aMoment());
    assert.equal(next.state, "CONFIRMED");
    assert.equal(next.refundedMinor, 500);
    assert.deepEqual(events, []);
  });

  it("never lowers the refunded amount when refunds come out of order", () => {
    const later = recordPayment(aConfirmedOrder(), aRefund(4, 900), aMoment()).next;
    const { next } = recordPayment(later, aRefund(3, 500), aMoment());
    assert.equal(next.refundedMinor, 900);
    assert.equal(next.paymentVersion, 4);
  });

  it("confirms when a refund overtakes the news of its capture", () => {
    const refunded = recordPayment(anAwaitingOrder(), aRefund(3, 500), aMoment()).next;
    assert.equal(refunded.state, "CONFIRMED");
    const { next, events } = recordPayment(refunded, aCapture(2), aMoment());
    assert.equal(next.paymentState, "REFUNDED");
    assert.equal(next.capturedMinor, 2598);
    assert.deepEqual(events, []);
  });

  it("refuses amounts that cannot belong to the order", () => {
    const order = anAwaitingOrder();
    assert.throws(() => recordPayment(order, aCapture(2, 2597), aMoment()), { reason: "CAPTURED_AMOUNT_MISMATCH" });
    assert.throws(() => recordPayment(order, aRefund(3, 2599), aMoment()), { reason: "REFUNDED_AMOUNT_MISMATCH" });
    const dollars = { ...aCapture(2), amount: { currency: "USD", minorUnits: 2598 } };
    assert.throws(() => recordPayment(order, dollars, aMoment()), { reason: "CAPTURED_AMOUNT_MISMATCH" });
  });
});
