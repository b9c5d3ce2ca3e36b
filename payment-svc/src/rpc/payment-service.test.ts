import assert from "node:assert/strict";
import { toJsonString } from "@bufbuild/protobuf";
import { Payment_State, PaymentSchema } from "@quartet/proto/shop/payment/v1/payment_pb";
import { afterEach, beforeEach, describe, it } from "mocha";
import { openPaymentRpc, type PaymentRpc, refusalOf } from "../testing/payment-rpc.ts";

describe("PaymentService", () => {
  let rpc: PaymentRpc;

  beforeEach(async () => {
    rpc = await openPaymentRpc();
  });

  afterEach(() => rpc.close());

  const get = () => rpc.client.getPayment({ name: "payments/o1" }, rpc.ada);

  it("shows owners where their money stands, and never the means of payment", async () => {
    await rpc.open("o1");
    const waiting = await get();
    assert.deepEqual(JSON.parse(toJsonString(PaymentSchema, waiting)), {
      name: "payments/o1",
      order: "orders/o1",
      user: "users/ada",
      state: "STATE_CAPTURING",
      amount: { currency: "EUR", minorUnits: "2598" },
      refunded: { currency: "EUR" },
      refundsPending: { currency: "EUR" },
      createTime: "1970-01-01T00:00:01Z",
      updateTime: "1970-01-01T00:00:01Z",
      etag: '"1"',
    });
    await rpc.capture("o1");
    const captured = await get();
    assert.equal(captured.state, Payment_State.CAPTURED);
    assert.notEqual(captured.etag, waiting.etag);
  });

  it("counts as refunded what the provider has returned, and as pending what it has not", async () => {
    await rpc.open("o1");
    await rpc.capture("o1");
    const money = async () => {
      const { refunded, refundsPending, state } = await get();
      return [refunded?.minorUnits, refundsPending?.minorUnits, state];
    };
    assert.deepEqual(await money(), [0n, 0n, Payment_State.CAPTURED]);
    await rpc.cancel("o1");
    assert.deepEqual(await money(), [0n, 2598n, Payment_State.CAPTURED]);
    await rpc.refunded("o1", "cancel");
    assert.deepEqual(await money(), [2598n, 0n, Payment_State.CAPTURED]);
  });

  it("shows no amount for an order that was cancelled before it asked for money", async () => {
    await rpc.cancel("o1");
    const { amount, refunded, refundsPending, state } = await get();
    assert.deepEqual(
      [amount, refunded, refundsPending, state],
      [undefined, undefined, undefined, Payment_State.VOIDED],
    );
  });

  it("answers a stranger as if the payment were missing, to the letter", async () => {
    const ask = () => refusalOf(rpc.client.getPayment({ name: "payments/o1" }, rpc.eve));
    const missing = await ask();
    await rpc.open("o1");
    assert.deepEqual(await ask(), missing);
    assert.deepEqual([missing.code, missing.reason], ["NotFound", "PAYMENT_NOT_FOUND"]);
    assert.deepEqual(missing.metadata, { payment: "payments/o1" });
  });

  it("lets administrators see every payment, and list their own", async () => {
    await rpc.open("o1");
    assert.equal((await rpc.client.getPayment({ name: "payments/o1" }, rpc.root)).user, "users/ada");
    assert.deepEqual((await rpc.client.listPayments({}, rpc.root)).payments, []);
  });

  it("lists one's own, newest first, in pages that hold while payments are added", async () => {
    for (const id of ["o1", "o2", "o3", "o4", "o5"]) await rpc.open(id);
    await rpc.open("o6", { userId: "eve" });
    const first = await rpc.client.listPayments({ pageSize: 3 }, rpc.ada);
    await rpc.open("o7");
    const second = await rpc.client.listPayments({ pageSize: 3, pageToken: first.nextPageToken }, rpc.ada);
    assert.deepEqual(
      [...first.payments, ...second.payments].map(({ name }) => name),
      ["payments/o5", "payments/o4", "payments/o3", "payments/o2", "payments/o1"],
    );
    assert.equal(second.nextPageToken, "");
  });
});
