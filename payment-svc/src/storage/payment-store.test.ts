import assert from "node:assert/strict";
import type { Database } from "@quartet/chassis/storage/database";
import { outbox } from "@quartet/chassis/storage/schema";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { assertSchemaMatches } from "@quartet/chassis/testing/schema-check";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import { afterEach, beforeEach, describe, it } from "mocha";
import type { PaymentStore } from "../app/ports.ts";
import { cancelPayment } from "../domain/cancel.ts";
import { openPayment, postponeCapture, recordCapture, startCapture } from "../domain/capture.ts";
import { recordRefund, startRefund } from "../domain/refund.ts";
import { requestRefund } from "../domain/request-refund.ts";
import { createToOutgoing } from "../events/publish.ts";
import { migrations } from "../migrations.ts";
import { aCancelledOrder, aClaim, aMessage, aNewPayment, aRefund } from "../testing/builders.ts";
import { createPaymentRows } from "./payment-rows.ts";
import { createPaymentStore } from "./payment-store.ts";
import * as schema from "./schema.ts";

describe("the payment store", () => {
  let database: Database;
  let store: PaymentStore;

  beforeEach(async () => {
    database = await openTestDatabase({ migrations: [migrations] });
    let eventCount = 0;
    const toOutgoing = createToOutgoing({ newId: () => `event-${++eventCount}` });
    const now = () => 7;
    store = createPaymentStore({ database, unitOfWork: createUnitOfWork({ database, now }), toOutgoing, now });
  });

  afterEach(() => database.close());

  const load = (id = "o1") => createPaymentRows(database).payment(id);
  const open = (messageId = "m1", changes = {}) => {
    const input = aNewPayment(changes);
    return store.handle(input.id, aMessage(messageId), (payment) => openPayment(payment, input, 1));
  };
  const capture = async (id = "o1") => {
    await store.update(id, (payment) => startCapture(payment, 2));
    await store.update(id, (payment) => recordCapture(payment, { status: "CAPTURED" }, 3));
  };
  const cancel = (messageId: string, id = "o1") =>
    store.handle(id, aMessage(messageId), (payment) => cancelPayment(payment, aCancelledOrder({ id }), 4));
  const published = () =>
    database.orm
      .select()
      .from(outbox)
      .all()
      .map((row) => row.type.replace("shop.payment.v1.", ""));

  it("has the tables that the schema describes", () => {
    assertSchemaMatches(database, schema);
  });

  it("opens a payment once, whatever the message is called", async () => {
    assert.deepEqual([await open("m1"), await open("m1")], ["done", "duplicate"]);
    await open("m2", { amount: { currency: "EUR", minorUnits: 1 } });
    assert.deepEqual(load()?.amount, { currency: "EUR", minorUnits: 2598 });
  });

  it("saves, books and publishes a capture and its refund together", async () => {
    await open();
    await capture();
    await cancel("m2");
    await store.update("o1", (payment) => startRefund(payment, "o1/cancel"));
    await store.update("o1", (payment) => recordRefund(payment, "o1/cancel", 2598, 6));
    assert.deepEqual(published(), ["PaymentCaptured", "PaymentRefunded"]);
    assert.equal(load()?.refunds[0]?.state, "DONE");
    const rows = database.orm.select().from(schema.ledgerEntries).all();
    assert.deepEqual(
      rows.map((row) => [row.movement, row.account, row.debitMinor, row.creditMinor]),
      [
        ["capture/o1", "PROVIDER_RECEIVABLE", 2598, 0],
        ["capture/o1", "SALES", 0, 2598],
        ["refund/o1/cancel", "SALES_REFUNDS", 2598, 0],
        ["refund/o1/cancel", "PROVIDER_RECEIVABLE", 0, 2598],
      ],
    );
  });

  it("finds the work that is due, the longest waiting first", async () => {
    await open("m1");
    await open("m2", { id: "o2" });
    await open("m3", { id: "o3" });
    await store.update("o1", (payment) => postponeCapture(payment, 100));
    await capture("o2");
    await cancel("m4", "o2");
    const tasks = (found: Awaited<ReturnType<PaymentStore["due"]>>) =>
      found.map((task) => `${task.kind} ${task.paymentId}`);
    assert.deepEqual(tasks(await store.due(50, 10)), ["capture o3", "refund o2"]);
    assert.deepEqual(tasks(await store.due(100, 10)), ["capture o3", "refund o2", "capture o1"]);
    assert.deepEqual(tasks(await store.due(100, 1)), ["capture o3"]);
    assert.deepEqual(tasks(await store.due(100, 1, ["o3", "o2/cancel"])), ["capture o1"]);
  });

  it("finds work that is put off for longer than it can be: the clock was set back", async () => {
    await open("m1");
    await open("m2", { id: "o2" });
    await capture("o2");
    await store.update("o1", (payment) => postponeCapture(payment, 3_600_000));
    await cancel("m3", "o2");
    database.sqlite.exec("UPDATE refunds SET next_attempt_time = 3600001");
    const found = async (time: number) => (await store.due(time, 10)).map(({ paymentId }) => paymentId);
    assert.deepEqual(await found(3_569_999), ["o1", "o2"]);
    assert.deepEqual(await found(3_570_000), ["o2"]);
    assert.deepEqual(await found(3_599_999), []);
  });

  const refund = (requestId: string, minorUnits?: number, hash = `hash of ${requestId}`) =>
    store.refund("o1", aClaim(requestId, { hash }), (payment) => {
      const amount = minorUnits === undefined ? undefined : { currency: "EUR", minorUnits };
      return requestRefund(payment ?? assert.fail(), { requestId, requestHash: hash, amount, reason: "broken" }, 5);
    });
  const forgetClaims = () => database.sqlite.exec("DELETE FROM request_claims");

  it("keeps a refund with its reason, and finds it due", async () => {
    await open();
    await capture();
    const payment = await refund("r1", 598);
    assert.deepEqual(payment, load());
    assert.deepEqual(payment.refunds, [aRefund({ id: "o1/r1", nextAttemptTime: 5 })]);
    assert.deepEqual(await store.due(5, 10), [{ kind: "refund", paymentId: "o1", refundId: "o1/r1", time: 5 }]);
    assert.deepEqual(published(), ["PaymentCaptured"]);
  });

  it("accepts a refund once for a request id, also when the request was forgotten", async () => {
    await open();
    await capture();
    await refund("r1", 598);
    await store.update("o1", (payment) => recordRefund(payment, "o1/r1", 598, 6));
    const done = load();
    assert.deepEqual(await refund("r1", 598), done);
    forgetClaims();
    assert.deepEqual(await refund("r1", 598), done);
    assert.deepEqual(await refund("r1", 598), done);
  });

  it("refuses a request id for another refund, also when the request was forgotten", async () => {
    await open();
    await capture();
    await refund("r1", 598);
    const reused = { reason: "REQUEST_ID_REUSED" };
    await assert.rejects(refund("r1", 599, "another"), reused);
    forgetClaims();
    await assert.rejects(refund("r1", 599, "another"), reused);
    assert.equal(load()?.refunds.length, 1);
  });

  it("lets the same request id stand for a refund of each payment", async () => {
    for (const id of ["o1", "o2"]) {
      await open(`open ${id}`, { id });
      await capture(id);
      forgetClaims();
      const request = { requestId: "r1", requestHash: id, amount: undefined, reason: "" };
      await store.refund(id, aClaim("r1", { hash: id }), (payment) =>
        requestRefund(payment ?? assert.fail(), request, 5),
      );
      assert.equal(load(id)?.refunds[0]?.amountMinor, 2598);
    }
  });

  it("gives back no more than was captured, whatever is asked for at once", async () => {
    await open();
    await capture();
    const results = await Promise.allSettled([
      ...Array.from({ length: 5 }, (_, index) => refund(`r${index}`, 1000)),
      cancel("m2"),
      refund("r5"),
    ]);
    assert.deepEqual(
      load()?.refunds.map(({ id, amountMinor }) => `${id} ${amountMinor}`),
      ["o1/r0 1000", "o1/r1 1000", "o1/cancel 598"],
    );
    const refused = results.filter((result) => result.status === "rejected");
    assert.deepEqual(
      refused.map(({ reason }) => reason.reason),
      Array.from({ length: 4 }, () => "REFUND_TOO_LARGE"),
    );
  });

  it("keeps a tombstone for an order that is cancelled first", async () => {
    await cancel("m1");
    await open("m2");
    assert.deepEqual([load()?.state, load()?.amount], ["VOIDED", undefined]);
    assert.deepEqual(published(), ["PaymentVoided"]);
  });

  it("keeps the ledger as it was written, whatever the code does", async () => {
    await open();
    await capture();
    assert.throws(() => database.sqlite.exec("UPDATE ledger_entries SET debit_minor = 1"), /append-only/);
    assert.throws(() => database.sqlite.exec("DELETE FROM ledger_entries"), /append-only/);
  });

  it("never returns more than was captured, whatever the code does", async () => {
    await open();
    await capture();
    const insert = database.sqlite.prepare("INSERT INTO refunds VALUES (?, 'o1', ?, 'REQUESTED', 0, 0, '', NULL)");
    insert.run("r1", 2000);
    assert.throws(() => insert.run("r2", 599), /more would be refunded/);
    insert.run("r3", 598);
    database.sqlite.exec("UPDATE refunds SET amount_minor = 500 WHERE id = 'r3'");
    database.sqlite.exec("UPDATE refunds SET amount_minor = 598, state = 'DONE' WHERE id = 'r3'");
    assert.throws(() => database.sqlite.exec("UPDATE refunds SET amount_minor = 500 WHERE id = 'r3'"), /keeps its/);
    assert.throws(() => database.sqlite.exec("DELETE FROM refunds WHERE id = 'r3'"), /stays/);
  });
});
