import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { aCapture, aConfirmedOrder, aMoment, anAwaitingOrder, aPendingOrder, aStockFact } from "../testing/builders.ts";
import { cancelOrder } from "./cancel-order.ts";
import { recordPayment } from "./record-payment.ts";
import { recordStock } from "./record-stock.ts";

describe("recordStock", () => {
  it("asks for the payment when the stock is held", () => {
    const moment = aMoment(10);
    const fact = aStockFact("RESERVED", 1);
    const { next, events, entry } = recordStock(aPendingOrder(), fact, moment);
    assert.equal(next.state, "AWAITING_PAYMENT");
    assert.equal(next.stockState, "RESERVED");
    assert.equal(next.version, 2);
    assert.deepEqual(next.step, { eventId: moment.eventId, time: moment.time });
    assert.deepEqual(events, [
      {
        kind: "readyForPayment",
        id: moment.eventId,
        orderId: "o1",
        version: 2,
        userId: "ada",
        time: moment.time,
        amount: { currency: "EUR", minorUnits: 2598 },
        paymentToken: "tok_visa",
      },
    ]);
    assert.deepEqual(entry, {
      sequence: 2,
      state: "AWAITING_PAYMENT",
      cause: fact.cause,
      time: moment.time,
      traceId: moment.traceId,
    });
  });

  it("cancels the order when the stock is not there and forgets the payment token", () => {
    const { next, events } = recordStock(aPendingOrder(), aStockFact("REJECTED", 1), aMoment());
    assert.equal(next.state, "CANCELLED");
    assert.equal(next.cancelReason, "OUT_OF_STOCK");
    assert.equal(next.paymentToken, undefined);
    assert.equal(next.step, undefined);
    assert.deepEqual(
      events.map((event) => event.kind === "cancelled" && event.reason),
      ["OUT_OF_STOCK"],
    );
  });

  it("records a sale without moving the confirmed order", () => {
    const fact = aStockFact("SOLD", 2);
    const { next, events, entry } = recordStock(aConfirmedOrder(), fact, aMoment());
    assert.equal(next.state, "CONFIRMED");
    assert.equal(next.stockState, "SOLD");
    assert.deepEqual(events, []);
    assert.equal(entry?.sequence, next.version);
    assert.deepEqual(entry?.cause, fact.cause);
  });

  it("leaves a cancelled order cancelled when the hold comes late", () => {
    const cancelled = cancelOrder(aPendingOrder(), 0, aMoment()).next;
    const { next, events } = recordStock(cancelled, aStockFact("RESERVED", 1), aMoment());
    assert.equal(next.state, "CANCELLED");
    assert.equal(next.stockState, "RESERVED");
    assert.equal(next.version, cancelled.version + 1);
    assert.deepEqual(events, []);
  });

  it("does not let an older hold undo a release, and still records it", () => {
    const cancelled = cancelOrder(anAwaitingOrder(), 0, aMoment()).next;
    const released = recordStock(cancelled, aStockFact("RELEASED", 2), aMoment()).next;
    const { next, entry } = recordStock(released, aStockFact("RESERVED", 1), aMoment());
    assert.equal(next.stockState, "RELEASED");
    assert.equal(next.stockVersion, 2);
    assert.equal(entry?.sequence, released.version + 1);
  });

  it("confirms at once when the money came before the hold", () => {
    const paid = recordPayment(aPendingOrder(), aCapture(2), aMoment()).next;
    assert.equal(paid.state, "PENDING");
    const { next, events } = recordStock(paid, aStockFact("RESERVED", 1), aMoment());
    assert.equal(next.state, "CONFIRMED");
    assert.deepEqual(
      events.map((event) => event.kind),
      ["confirmed"],
    );
  });

  it("cancels an open order whose stock was released for good", () => {
    const { next } = recordStock(anAwaitingOrder(), aStockFact("RELEASED", 2), aMoment());
    assert.equal(next.cancelReason, "OUT_OF_STOCK");
  });

  it("never turns the clock of an order back", () => {
    const { next, entry } = recordStock(aPendingOrder(), aStockFact("RESERVED", 1), aMoment(-5000));
    assert.equal(next.updateTime, aPendingOrder().updateTime);
    assert.equal(entry?.time, next.updateTime);
  });
});
