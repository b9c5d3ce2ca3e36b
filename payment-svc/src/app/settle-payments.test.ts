import assert from "node:assert/strict";
import type { Database } from "@quartet/chassis/storage/database";
import { outbox } from "@quartet/chassis/storage/schema";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import { afterEach, beforeEach, describe, it } from "mocha";
import { createToOutgoing } from "../events/publish.ts";
import { migrations } from "../migrations.ts";
import { createPaymentRows } from "../storage/payment-rows.ts";
import { createPaymentStore } from "../storage/payment-store.ts";
import { aMessage, aNewPayment } from "../testing/builders.ts";
import { createSettlePayments, type SettlePayments } from "./settle-payments.ts";

describe("settlePayments", () => {
  let database: Database;
  let settle: SettlePayments;
  /** What was due each time the driver was told of work. */
  let dueWhenTold: number[];

  beforeEach(async () => {
    database = await openTestDatabase({ migrations: [migrations] });
    let ids = 0;
    const now = () => 1_000;
    const toOutgoing = createToOutgoing({ newId: () => `event-${++ids}` });
    const payments = createPaymentStore({ database, unitOfWork: createUnitOfWork({ database, now }), toOutgoing, now });
    dueWhenTold = [];
    settle = createSettlePayments({
      payments,
      now,
      restoreTime: 500,
      onWork: () => dueWhenTold.push(Number(database.sqlite.prepare(due).pluck().get())),
    });
  });

  afterEach(() => database.close());

  const { amount: total } = aNewPayment();
  /** Placed after the restore. */
  const order = { id: "o1", userId: "ada", total, placeTime: 501 };
  const due = "SELECT count(*) FROM payments WHERE state = 'CAPTURING'";
  const load = () => createPaymentRows(database).payment("o1");
  const published = () =>
    database.orm
      .select()
      .from(outbox)
      .all()
      .map(({ type }) => type.split(".").at(-1));

  it("tells the driver of a payment once it is saved", async () => {
    await settle.open(aNewPayment(), aMessage("m1"));
    assert.deepEqual(dueWhenTold, [1]);
    assert.deepEqual([load()?.state, published()], ["CAPTURING", []]);
  });

  it("opens one payment for an order, also when two messages ask for it at once", async () => {
    const other = aNewPayment({ amount: { currency: "EUR", minorUnits: 1 } });
    await Promise.all([settle.open(aNewPayment(), aMessage("m1")), settle.open(other, aMessage("m2"))]);
    assert.deepEqual(load()?.amount, { currency: "EUR", minorUnits: 2598 });
  });

  it("voids a payment that is cancelled in the same moment as it is opened", async () => {
    await Promise.all([settle.open(aNewPayment(), aMessage("m1")), settle.cancel(order, aMessage("m2"))]);
    assert.deepEqual([load()?.state, load()?.paymentToken, published()], ["VOIDED", undefined, ["PaymentVoided"]]);
  });

  it("keeps the order's money question closed for a cancellation that came first", async () => {
    await settle.cancel(order, aMessage("m1"));
    await settle.open(aNewPayment(), aMessage("m2"));
    assert.deepEqual([load()?.state, load()?.amount, published()], ["VOIDED", undefined, ["PaymentVoided"]]);
  });

  it("has the provider asked about an order from before a restore, of which it may know more", async () => {
    await settle.cancel({ ...order, placeTime: 500 }, aMessage("m1"));
    assert.deepEqual([load()?.state, load()?.amount, published(), dueWhenTold], ["CAPTURING", total, [], [1]]);
    await settle.open(aNewPayment(), aMessage("m2"));
    assert.equal(load()?.isCancelRequested, true);
  });

  it("takes an order for one from before it where an earlier version does not say when it was placed", async () => {
    await Promise.all([
      settle.open(aNewPayment(), aMessage("m1")),
      settle.cancel({ ...order, total: undefined, placeTime: undefined }, aMessage("m2")),
    ]);
    assert.deepEqual([load()?.state, load()?.isCancelRequested], ["CAPTURING", true]);
  });
});
