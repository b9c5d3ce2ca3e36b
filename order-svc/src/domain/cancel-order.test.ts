import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { aConfirmedOrder, aMoment, anAwaitingOrder, aPendingOrder } from "../testing/builders.ts";
import { cancelOrder, cancelOrderOfDeletedUser, expireOrder } from "./cancel-order.ts";
import { orderEventTypes } from "./order.ts";

const windowMs = 1000;

describe("cancelOrder", () => {
  for (const order of [aPendingOrder(), anAwaitingOrder(), aConfirmedOrder()]) {
    it(`cancels an order in ${order.state}`, () => {
      const moment = aMoment(windowMs);
      const { next, events, entry } = cancelOrder(order, windowMs, moment);
      assert.equal(next.state, "CANCELLED");
      assert.equal(next.cancelReason, "REQUESTED");
      assert.equal(next.paymentToken, undefined);
      assert.equal(next.step, undefined);
      assert.equal(next.capturedMinor, order.capturedMinor);
      assert.deepEqual(
        events.map((event) => event.kind),
        ["cancelled"],
      );
      assert.deepEqual(entry?.cause, { type: orderEventTypes.cancelled, eventId: moment.eventId });
    });
  }

  it("leaves a cancelled order as it is", () => {
    const cancelled = cancelOrder(aPendingOrder(), windowMs, aMoment()).next;
    const { next, events, entry } = cancelOrder(cancelled, windowMs, aMoment(5));
    assert.equal(next, cancelled);
    assert.deepEqual(events, []);
    assert.equal(entry, undefined);
  });

  it("refuses once the order was confirmed too long ago", () => {
    assert.throws(() => cancelOrder(aConfirmedOrder(), windowMs, aMoment(windowMs + 1)), {
      kind: "failed_precondition",
      reason: "CANCEL_WINDOW_CLOSED",
      metadata: { order: "orders/o1", close_time: "2026-01-01T00:00:01.000Z" },
    });
  });

  it("has no window for an order that is not confirmed", () => {
    assert.equal(cancelOrder(anAwaitingOrder(), windowMs, aMoment(windowMs + 1)).next.state, "CANCELLED");
  });
});

describe("expireOrder", () => {
  it("cancels an order whose step took too long", () => {
    const order = anAwaitingOrder();
    const { next, events } = expireOrder(order, order.step?.eventId ?? "", aMoment(5));
    assert.equal(next.cancelReason, "DEADLINE_EXCEEDED");
    assert.equal(events.length, 1);
  });

  it("leaves an order that has gone on to its next step", () => {
    const pending = aPendingOrder();
    const awaiting = anAwaitingOrder();
    assert.equal(expireOrder(awaiting, pending.step?.eventId ?? "", aMoment()).next, awaiting);
  });

  it("leaves an order that is no longer open", () => {
    const confirmed = aConfirmedOrder();
    assert.equal(expireOrder(confirmed, "any", aMoment()).next, confirmed);
  });
});

describe("cancelOrderOfDeletedUser", () => {
  const cause = { type: "shop.user.v1.UserDeleted", eventId: "deletion" };

  for (const order of [aPendingOrder(), anAwaitingOrder()]) {
    it(`cancels an order in ${order.state}, by the event that the account was deleted`, () => {
      const moment = aMoment(5);
      const { next, events, entry } = cancelOrderOfDeletedUser(order, cause, moment);
      assert.deepEqual([next.state, next.cancelReason], ["CANCELLED", "USER_DELETED"]);
      assert.equal(next.paymentToken, undefined);
      assert.deepEqual(
        events.map((event) => [event.id, event.kind === "cancelled" && event.reason]),
        [[moment.eventId, "USER_DELETED"]],
      );
      assert.deepEqual([entry?.sequence, entry?.state, entry?.cause], [order.version + 1, "CANCELLED", cause]);
    });
  }

  it("leaves an order that is confirmed or cancelled as it is", () => {
    for (const order of [aConfirmedOrder(), cancelOrder(aPendingOrder(), 0, aMoment()).next]) {
      assert.deepEqual(cancelOrderOfDeletedUser(order, cause, aMoment()), { next: order, events: [] });
    }
  });
});
