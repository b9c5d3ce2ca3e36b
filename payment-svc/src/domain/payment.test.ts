import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { aCancelledOrder, aCapturedPayment, aNewPayment, aPayment, aRefund } from "../testing/builders.ts";
import { cancelPayment } from "./cancel.ts";
import { openPayment, postponeCapture, recordCapture, startCapture } from "./capture.ts";
import { leftMinor, type PaymentDecision } from "./payment.ts";
import { makeRoom, recordRefund, startRefund } from "./refund.ts";

const order = aCancelledOrder();
const captured = { status: "CAPTURED" } as const;
const declined = { status: "DECLINED", declineCode: "card_declined" } as const;

describe("openPayment", () => {
  it("opens a payment that is due at once", () => {
    assert.deepEqual(openPayment(undefined, aNewPayment(), 5), {
      next: aPayment({ nextAttemptTime: 5, createTime: 5, updateTime: 5 }),
      events: [],
      entries: [],
    });
  });

  it("does nothing for an order that has a payment, or was cancelled before", () => {
    assert.equal(openPayment(aPayment(), aNewPayment(), 5), undefined);
    const tombstone = cancelPayment(undefined, order, 1)?.next;
    assert.equal(tombstone?.state, "VOIDED");
    assert.equal(openPayment(tombstone, aNewPayment(), 5), undefined);
  });
});

describe("startCapture", () => {
  it("counts the attempt before the provider is asked", () => {
    assert.deepEqual(startCapture(aPayment(), 5)?.next, aPayment({ attempts: 1 }));
  });

  it("voids what was cancelled before the provider was ever asked", () => {
    const decision = startCapture(aPayment({ isCancelRequested: true }), 5);
    assert.equal(decision?.next.state, "VOIDED");
    assert.deepEqual(decision?.events, [{ kind: "voided", paymentId: "o1", version: 2, time: 5 }]);
  });

  it("goes on with what was cancelled after the provider was asked, because the money may have moved", () => {
    assert.equal(startCapture(aPayment({ isCancelRequested: true, attempts: 1 }), 5)?.next.attempts, 2);
  });

  it("leaves a closed payment alone", () => {
    assert.equal(startCapture(aCapturedPayment(), 5), undefined);
  });
});

describe("recordCapture", () => {
  it("books what was captured and forgets the means of payment", () => {
    const decision = recordCapture(aPayment({ attempts: 1 }), captured, 5);
    assert.deepEqual(decision?.next, aCapturedPayment({ updateTime: 5 }));
    assert.deepEqual(decision?.events, [
      { kind: "captured", paymentId: "o1", version: 2, time: 5, amount: { currency: "EUR", minorUnits: 2598 } },
    ]);
    const common = { movement: "capture/o1", currency: "EUR" };
    assert.deepEqual(decision?.entries, [
      { ...common, account: "PROVIDER_RECEIVABLE", debitMinor: 2598, creditMinor: 0 },
      { ...common, account: "SALES", debitMinor: 0, creditMinor: 2598 },
    ]);
  });

  it("records why the provider declined, and books nothing", () => {
    const decision = recordCapture(aPayment({ attempts: 1 }), declined, 5);
    assert.deepEqual([decision?.next.state, decision?.next.declineCode], ["DECLINED", "card_declined"]);
    assert.equal(decision?.next.paymentToken, undefined);
    assert.deepEqual(
      decision?.events.map((event) => event.kind),
      ["declined"],
    );
    assert.deepEqual(decision?.entries, []);
  });

  it("sends back what was captured for an order that was cancelled meanwhile", () => {
    const decision = recordCapture(aPayment({ attempts: 1, isCancelRequested: true }), captured, 5);
    assert.deepEqual(
      decision?.events.map((event) => event.kind),
      ["captured"],
    );
    assert.deepEqual(decision?.next.refunds, [
      aRefund({
        id: "o1/cancel",
        amountMinor: 2598,
        nextAttemptTime: 5,
        reason: "the order was cancelled",
        requestHash: undefined,
      }),
    ]);
  });

  it("voids what the provider was never asked for", () => {
    const decision = recordCapture(aPayment({ attempts: 2, isCancelRequested: true }), { status: "NEVER_ASKED" }, 5);
    assert.deepEqual([decision?.next.state, decision?.next.paymentToken], ["VOIDED", undefined]);
    assert.deepEqual(decision?.events, [{ kind: "voided", paymentId: "o1", version: 2, time: 5 }]);
  });

  it("does nothing when the answer is known already", () => {
    assert.equal(recordCapture(aCapturedPayment(), captured, 5), undefined);
    assert.equal(postponeCapture(aCapturedPayment(), 9), undefined);
  });
});

describe("cancelPayment", () => {
  it("leaves a tombstone where there is no payment yet", () => {
    const decision = cancelPayment(undefined, order, 5);
    assert.deepEqual([decision?.next.state, decision?.next.amount, decision?.next.version], ["VOIDED", undefined, 1]);
    assert.deepEqual(decision?.events, [{ kind: "voided", paymentId: "o1", version: 1, time: 5 }]);
  });

  it("voids a payment for which the provider was never asked", () => {
    assert.equal(cancelPayment(aPayment(), order, 5)?.next.state, "VOIDED");
  });

  it("has the provider asked what it did where it may know more, and says nothing before", () => {
    const forgotten = aCancelledOrder({ mayBeCaptured: true });
    const asked = { isCancelRequested: true, paymentToken: "", attempts: 1 };
    assert.deepEqual(cancelPayment(aPayment(), forgotten, 5), { next: aPayment(asked), events: [], entries: [] });
    const times = { nextAttemptTime: 5, createTime: 5, updateTime: 5 };
    assert.deepEqual(cancelPayment(undefined, forgotten, 5)?.next, aPayment({ ...asked, ...times }));
    assert.equal(startCapture(aPayment(asked), 5)?.next.attempts, 2);
    const unknown = { ...forgotten, total: undefined };
    assert.deepEqual(cancelPayment(aPayment(), unknown, 5)?.next, aPayment(asked));
    assert.equal(cancelPayment(undefined, unknown, 5)?.next.state, "VOIDED");
  });

  it("waits for the provider's answer once it was asked", () => {
    const decision = cancelPayment(aPayment({ attempts: 1 }), order, 5);
    assert.deepEqual([decision?.next.state, decision?.next.isCancelRequested], ["CAPTURING", true]);
    assert.deepEqual(decision?.events, []);
  });

  it("sends back what is left of a captured payment, which others can see", () => {
    const refunds = [aRefund({ state: "DONE" }), aRefund({ id: "o1/r2", amountMinor: 1000 })];
    const decision = cancelPayment(aCapturedPayment({ refunds }), order, 5);
    assert.equal(decision?.next.refunds[2]?.amountMinor, 1000);
    assert.deepEqual([decision?.next.version, decision?.next.updateTime], [3, 5]);
  });

  it("has nothing to send back when all of it is on its way, which changes nothing that others can see", () => {
    const refunds = [aRefund({ amountMinor: 2598 })];
    const decision = cancelPayment(aCapturedPayment({ refunds }), order, 5);
    assert.deepEqual(decision?.next, aCapturedPayment({ refunds, isCancelRequested: true }));
  });

  it("has nothing to add to a payment that is closed, or cancelled before", () => {
    for (const state of ["DECLINED", "VOIDED"] as const) {
      assert.equal(cancelPayment(aPayment({ state, attempts: 1 }), order, 5), undefined);
    }
    assert.equal(cancelPayment(aCapturedPayment({ isCancelRequested: true }), order, 5), undefined);
  });
});

describe("a refund", () => {
  const refunding = cancelPayment(aCapturedPayment(), order, 5)?.next ?? assert.fail();

  it("is counted, carried out and booked once", () => {
    const started = startRefund(refunding, "o1/cancel")?.next ?? assert.fail();
    assert.equal(started.refunds[0]?.attempts, 1);
    const done = recordRefund(started, "o1/cancel", 2598, 7) ?? assert.fail();
    const amount = { currency: "EUR", minorUnits: 2598 };
    assert.deepEqual(done.events, [
      { kind: "refunded", paymentId: "o1", version: 4, time: 7, amount, refunded: amount },
    ]);
    assert.deepEqual(
      done.entries.map((entry) => [entry.movement, entry.account, entry.debitMinor, entry.creditMinor]),
      [
        ["refund/o1/cancel", "SALES_REFUNDS", 2598, 0],
        ["refund/o1/cancel", "PROVIDER_RECEIVABLE", 0, 2598],
      ],
    );
    assert.equal(recordRefund(done.next, "o1/cancel", 2598, 8), undefined);
    assert.equal(startRefund(done.next, "o1/cancel"), undefined);
  });

  describe("whose key the provider knows for another amount, from before a restore", () => {
    it("comes to what was returned, and what is left of a cancelled order goes back under another key", () => {
      const first = recordRefund(refunding, "o1/cancel", 2000, 7) ?? assert.fail();
      const second = recordRefund(first.next, "o1/cancel/2", 500, 8) ?? assert.fail();
      const sums = [...first.events, ...second.events].map((event) => "refunded" in event && event.refunded.minorUnits);
      assert.deepEqual(sums, [2000, 2500]);
      const refunds = second.next.refunds.map(({ id, amountMinor, state }) => `${id} ${amountMinor} ${state}`);
      assert.deepEqual(refunds, ["o1/cancel 2000 DONE", "o1/cancel/2 500 DONE", "o1/cancel/3 98 REQUESTED"]);
    });

    it("asks for what is left under a key that is free", () => {
      const found = ["o1/cancel", "o1/cancel/3"].map((id) => aRefund({ id, amountMinor: 500, state: "DONE" }));
      const asked = aRefund({ id: "o1/cancel/2", amountMinor: 1598 });
      const payment = aCapturedPayment({ isCancelRequested: true, refunds: [...found, asked] });
      const decision = recordRefund(payment, "o1/cancel/2", 1000, 7);
      assert.deepEqual(
        decision?.next.refunds.slice(3).map(({ id, amountMinor }) => [id, amountMinor]),
        [["o1/cancel/4", 598]],
      );
    });

    it("may come to more than is left by what else was asked for, which then is less", () => {
      const payment = aCapturedPayment({ refunds: [aRefund(), aRefund({ id: "o1/r2", amountMinor: 1000 })] });
      const { next } = recordRefund(payment, "o1/r1", 2000, 7) ?? assert.fail();
      assert.equal(leftMinor(next), 0);
      const decision = makeRoom(next, "o1/r2", [{ key: "refund/o1/r1", amountMinor: 2000 }], 8);
      assert.deepEqual(
        decision?.next.refunds.map(({ amountMinor }) => amountMinor),
        [2000, 598],
      );
      assert.deepEqual([decision?.events, decision?.entries], [[], []]);
    });
  });

  describe("that the provider refuses, because money went back without us", () => {
    const [r1, r2] = [aRefund({ amountMinor: 1000 }), aRefund({ id: "o1/r2", amountMinor: 1598 })];
    const payment = aCapturedPayment({ refunds: [r1, r2] });
    const kept = (decision: PaymentDecision | undefined) =>
      decision?.next.refunds.map(({ id, amountMinor, state }) => `${id} ${amountMinor} ${state}`);

    it("asks for what is left, and what went back is booked and told", () => {
      const decision = makeRoom(payment, "o1/r2", [{ key: "re_1", amountMinor: 600 }], 7);
      assert.deepEqual(kept(decision), ["o1/r1 1000 REQUESTED", "o1/r2 998 REQUESTED", "re_1 600 DONE"]);
      const amount = { currency: "EUR", minorUnits: 600 };
      assert.deepEqual(decision?.events, [
        { kind: "refunded", paymentId: "o1", version: 3, time: 7, amount, refunded: amount },
      ]);
      assert.deepEqual(
        decision?.entries.map((entry) => [entry.movement, entry.debitMinor - entry.creditMinor]),
        [
          ["refund/re_1", 600],
          ["refund/re_1", -600],
        ],
      );
    });

    it("goes where nothing is left, and so do others for which there is no room", () => {
      const decision = makeRoom(payment, "o1/r1", [{ key: "refund/o1/r0", amountMinor: 2598 }], 7);
      assert.deepEqual(kept(decision), ["o1/r0 2598 DONE"]);
    });

    it("leaves room for what the provider has carried out and we have not heard of", () => {
      const returned = [
        { key: "refund/o1/r2", amountMinor: 1598 },
        { key: "re_1", amountMinor: 900 },
      ];
      assert.deepEqual(kept(makeRoom(payment, "o1/r1", returned, 7)), [
        "o1/r1 100 REQUESTED",
        "o1/r2 1598 REQUESTED",
        "re_1 900 DONE",
      ]);
    });

    it("is somebody's mistake when nothing did", () => {
      assert.throws(() => makeRoom(payment, "o1/r1", [{ key: "refund/o1/r2", amountMinor: 1598 }], 7), /enough left/);
      assert.equal(makeRoom(aCapturedPayment({ refunds: [aRefund({ state: "DONE" })] }), "o1/r1", [], 7), undefined);
    });
  });
});
