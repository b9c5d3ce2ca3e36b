import assert from "node:assert/strict";
import { toJsonString } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createTokenVerifier } from "@quartet/chassis/auth/token-verifier";
import { createPageTokens } from "@quartet/chassis/page-token";
import { implement } from "@quartet/chassis/rpc/implement";
import type { Database } from "@quartet/chassis/storage/database";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import { inMemoryTransport } from "@quartet/chassis/testing/test-server";
import { createTestTokens } from "@quartet/chassis/testing/test-tokens";
import { Payment_State, PaymentSchema } from "@quartet/proto/shop/payment/v1/payment_pb";
import { PaymentService } from "@quartet/proto/shop/payment/v1/payment_service_pb";
import { afterEach, beforeEach, describe, it } from "mocha";
import type { PaymentStore } from "../app/ports.ts";
import { cancelPayment } from "../domain/cancel.ts";
import { openPayment, recordCapture, startCapture } from "../domain/capture.ts";
import { recordRefund } from "../domain/refund.ts";
import { createToOutgoing } from "../events/publish.ts";
import { migrations } from "../migrations.ts";
import { createPaymentQueries } from "../storage/payment-queries.ts";
import { createPaymentStore } from "../storage/payment-store.ts";
import { aMessage, aNewPayment } from "../testing/builders.ts";
import { createPaymentServiceImpl } from "./payment-service.ts";

describe("PaymentService", () => {
  const tokens = createTestTokens();
  let database: Database;
  let payments: PaymentStore;
  let client: Client<typeof PaymentService>;
  let [ada, eve, root]: { headers: { authorization: string } }[] = [];

  beforeEach(async () => {
    database = await openTestDatabase({ migrations: [migrations] });
    const now = Date.now;
    let ids = 0;
    payments = createPaymentStore({
      database,
      unitOfWork: createUnitOfWork({ database, now }),
      toOutgoing: createToOutgoing({ newId: () => `event-${++ids}` }),
      now,
    });
    const pageTokens = createPageTokens({ key: new Uint8Array(32) });
    const implementation = createPaymentServiceImpl({ queries: createPaymentQueries({ database }), pageTokens });
    const verifier = createTokenVerifier({ keys: tokens.keySet, issuer: "quartet", audience: "quartet", now });
    const registrations = [implement(PaymentService, implementation)];
    client = createClient(PaymentService, inMemoryTransport({ registrations, verifier }));
    const as = async (userId: string, role: "customer" | "admin" = "customer") => ({
      headers: { authorization: `Bearer ${await tokens.sign({ userId, role })}` },
    });
    [ada, eve, root] = [await as("ada"), await as("eve"), await as("root", "admin")];
  });

  afterEach(() => database.close());

  const open = (id: string, userId = "ada") => {
    const input = aNewPayment({ id, userId });
    return payments.handle(id, aMessage(`open ${id}`), (payment) => openPayment(payment, input, 1_000));
  };
  const capture = async (id: string) => {
    await payments.update(id, (payment) => startCapture(payment, 2_000));
    await payments.update(id, (payment) => recordCapture(payment, { status: "CAPTURED" }, 3_000));
  };
  const cancel = (id: string) =>
    payments.handle(id, aMessage(`cancel ${id}`), (payment) => cancelPayment(payment, { id, userId: "ada" }, 4_000));
  const failure = (call: Promise<unknown>) =>
    call.then(
      () => assert.fail("it answered"),
      (error) => ConnectError.from(error),
    );

  it("shows owners where their money stands, and never the means of payment", async () => {
    await open("o1");
    const waiting = await client.getPayment({ name: "payments/o1" }, ada);
    assert.deepEqual(JSON.parse(toJsonString(PaymentSchema, waiting)), {
      name: "payments/o1",
      order: "orders/o1",
      user: "users/ada",
      state: "STATE_CAPTURING",
      amount: { currency: "EUR", minorUnits: "2598" },
      refunded: { currency: "EUR" },
      createTime: "1970-01-01T00:00:01Z",
      updateTime: "1970-01-01T00:00:01Z",
      etag: '"1"',
    });
    await capture("o1");
    const captured = await client.getPayment({ name: "payments/o1" }, ada);
    assert.equal(captured.state, Payment_State.CAPTURED);
    assert.notEqual(captured.etag, waiting.etag);
  });

  it("counts as refunded what the provider has returned, and nothing before", async () => {
    await open("o1");
    await capture("o1");
    await cancel("o1");
    assert.equal((await client.getPayment({ name: "payments/o1" }, ada)).refunded?.minorUnits, 0n);
    await payments.update("o1", (payment) => recordRefund(payment, "o1/cancel", 5_000));
    const { refunded, state } = await client.getPayment({ name: "payments/o1" }, ada);
    assert.deepEqual([refunded?.minorUnits, state], [2598n, Payment_State.CAPTURED]);
  });

  it("shows no amount for an order that was cancelled before it asked for money", async () => {
    await cancel("o1");
    const { amount, refunded, state } = await client.getPayment({ name: "payments/o1" }, ada);
    assert.deepEqual([amount, refunded, state], [undefined, undefined, Payment_State.VOIDED]);
  });

  it("answers a stranger as if the payment were missing, to the letter", async () => {
    const missing = await failure(client.getPayment({ name: "payments/o1" }, eve));
    await open("o1");
    const strange = await failure(client.getPayment({ name: "payments/o1" }, eve));
    assert.equal(strange.code, Code.NotFound);
    const told = ({ code, rawMessage, details }: ConnectError) => ({ code, rawMessage, details });
    assert.deepEqual(told(strange), told(missing));
    assert.ok(strange.details.length > 0);
  });

  it("lets administrators see every payment, and list their own", async () => {
    await open("o1");
    assert.equal((await client.getPayment({ name: "payments/o1" }, root)).user, "users/ada");
    assert.deepEqual((await client.listPayments({}, root)).payments, []);
  });

  it("asks for a token", async () => {
    await open("o1");
    for (const call of [client.getPayment({ name: "payments/o1" }), client.listPayments({})]) {
      assert.equal((await failure(call)).code, Code.Unauthenticated);
    }
  });

  it("lists one's own, newest first, in pages that hold while payments are added", async () => {
    for (const id of ["o1", "o2", "o3", "o4", "o5"]) await open(id);
    await open("o6", "eve");
    const first = await client.listPayments({ pageSize: 3 }, ada);
    await open("o7");
    const second = await client.listPayments({ pageSize: 3, pageToken: first.nextPageToken }, ada);
    assert.deepEqual(
      [...first.payments, ...second.payments].map(({ name }) => name),
      ["payments/o5", "payments/o4", "payments/o3", "payments/o2", "payments/o1"],
    );
    assert.equal(second.nextPageToken, "");
  });

  it("refuses a page token of someone else", async () => {
    for (const id of ["o1", "o2"]) await open(id);
    const { nextPageToken: pageToken } = await client.listPayments({ pageSize: 1 }, ada);
    const error = await failure(client.listPayments({ pageToken }, eve));
    assert.deepEqual([error.code, /page_token/.test(error.message)], [Code.InvalidArgument, true]);
  });

  for (const [what, call, field] of [
    ["a name that is none", () => client.getPayment({ name: "orders/o1" }, ada), "name"],
    ["a page of less than nothing", () => client.listPayments({ pageSize: -1 }, ada), "page_size"],
  ] as const) {
    it(`refuses ${what} and names the field`, async () => {
      const error = await failure(call());
      assert.equal(error.code, Code.InvalidArgument);
      assert.match(error.rawMessage, new RegExp(`^${field}\\b`));
    });
  }
});
