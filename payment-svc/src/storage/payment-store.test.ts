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
import { createToOutgoing } from "../events/publish.ts";
import { migrations } from "../migrations.ts";
import { aMessage, aNewPayment } from "../testing/builders.ts";
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
    store.handle(id, aMessage(messageId), (payment) => cancelPayment(payment, { id, userId: "ada" }, 4));
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
    await open("m1");
    await open("m1");
    await open("m2", { amount: { currency: "EUR", minorUnits: 1 } });
    assert.deepEqual(load()?.amount, { currency: "EUR", minorUnits: 2598 });
  });

  it("saves, books and publishes a capture and its refund together", async () => {
    await open();
    await capture();
    await cancel("m2");
    await store.update("o1", (payment) => startRefund(payment, "o1/cancel"));
    await store.update("o1", (payment) => recordRefund(payment, "o1/cancel", 6));
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
    const insert = database.sqlite.prepare("INSERT INTO refunds VALUES (?, 'o1', ?, 'REQUESTED', 0, 0)");
    insert.run("r1", 2000);
    assert.throws(() => insert.run("r2", 599), /more would be refunded/);
    insert.run("r3", 598);
  });
});
