import assert from "node:assert/strict";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { uuidV5 } from "@quartet/chassis/ids";
import { Payment_State } from "@quartet/proto/shop/payment/v1/payment_pb";
import type { RefundPaymentRequestSchema } from "@quartet/proto/shop/payment/v1/payment_service_pb";
import { afterEach, beforeEach, describe, it } from "mocha";
import { type As, openPaymentRpc, type PaymentRpc, refusalOf } from "../testing/payment-rpc.ts";

const [one, two] = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"];
const euros = (minorUnits: bigint) => ({ currency: "EUR", minorUnits });

describe("RefundPayment", () => {
  let rpc: PaymentRpc;

  beforeEach(async () => {
    rpc = await openPaymentRpc();
    await rpc.open("o1");
    await rpc.capture("o1");
  });

  afterEach(() => rpc.close());

  const refund = (request: MessageInitShape<typeof RefundPaymentRequestSchema>, as: As = rpc.root) =>
    rpc.client.refundPayment({ name: "payments/o1", requestId: one, ...request }, as);
  const get = () => rpc.client.getPayment({ name: "payments/o1" }, rpc.root);
  const rows = () =>
    rpc.database.sqlite
      .prepare<[], { id: string; amount: number; reason: string }>(
        "SELECT id, amount_minor AS amount, reason FROM refunds ORDER BY rowid",
      )
      .all()
      .map(({ id, amount, reason }) => [id, amount, reason].join(" "));
  const forgetClaims = () => rpc.database.sqlite.exec("DELETE FROM request_claims");

  it("accepts a part with its reason, tells the driver, and shows it pending with another etag", async () => {
    const before = await get();
    const payment = await refund({ amount: euros(598n), reason: "one cup was broken" });
    assert.deepEqual(payment, await get());
    assert.deepEqual([payment.refunded?.minorUnits, payment.refundsPending?.minorUnits], [0n, 598n]);
    assert.equal(payment.state, Payment_State.CAPTURED);
    assert.notEqual(payment.etag, before.etag);
    assert.deepEqual(rows(), [`o1/${one} 598 one cup was broken`]);
    assert.equal(rpc.nudges(), 1);
  });

  it("gives back all that is left without an amount, where what is pending counts as gone", async () => {
    await refund({ amount: euros(598n) });
    await rpc.refunded("o1", one);
    const payment = await refund({ requestId: two });
    assert.deepEqual([payment.refunded?.minorUnits, payment.refundsPending?.minorUnits], [598n, 2000n]);
    assert.deepEqual(await refusalOf(refund({ requestId: "33333333-3333-4333-8333-333333333333" })), {
      code: "FailedPrecondition",
      reason: "REFUND_TOO_LARGE",
      message: "nothing of payments/o1 is left to refund",
      fields: [],
      metadata: { payment: "payments/o1", currency: "EUR", left_minor_units: "0" },
    });
  });

  it("answers a repeated request with the payment as it is now, and refunds once, whoever repeats it", async () => {
    await refund({ amount: euros(598n) });
    await rpc.refunded("o1", one);
    const now = await get();
    assert.deepEqual(await refund({ amount: euros(598n) }), now);
    forgetClaims();
    assert.deepEqual(await refund({ amount: euros(598n) }), now);
    assert.deepEqual(rows(), [`o1/${one} 598 `]);
  });

  it("takes the idempotency key for a request id", async () => {
    const as = { headers: { ...rpc.root.headers, "idempotency-key": "return 4711" } };
    for (let time = 0; time < 2; time++) await refund({ requestId: "", amount: euros(598n) }, as);
    const requestId = uuidV5("return 4711", "6f0b8a52-3f0e-5c8e-9d1c-2a7f5b1f4f7e");
    assert.deepEqual(rows(), [`o1/${requestId} 598 `]);
  });

  for (const forgets of [false, true]) {
    it(`refuses a request id for another refund${forgets ? " after the claim was forgotten" : ""}`, async () => {
      await refund({ amount: euros(598n) });
      for (const other of [{ amount: euros(599n) }, {}, { amount: euros(598n), reason: "another" }]) {
        if (forgets) forgetClaims();
        const { code, reason, fields, metadata } = await refusalOf(refund(other));
        assert.deepEqual([code, reason, fields], ["AlreadyExists", "REQUEST_ID_REUSED", ["request_id"]]);
        assert.deepEqual(metadata, { request_id: one });
      }
      assert.deepEqual(rows(), [`o1/${one} 598 `]);
    });
  }

  it("never gives back more than was captured, whatever is asked for at once", async () => {
    const ids = Array.from({ length: 8 }, (_, index) => `${index}${one.slice(1)}`);
    const results = await Promise.allSettled(ids.map((requestId) => refund({ requestId, amount: euros(1000n) })));
    assert.equal(results.filter(({ status }) => status === "fulfilled").length, 2);
    assert.equal((await get()).refundsPending?.minorUnits, 2000n);
  });

  it("accepts one refund of requests with one id at once", async () => {
    const results = await Promise.all(Array.from({ length: 8 }, () => refund({ amount: euros(598n) })));
    for (const payment of results) assert.deepEqual(payment, results[0]);
    assert.deepEqual(rows(), [`o1/${one} 598 `]);
  });

  it("leaves nothing to refund after the order was cancelled, and the cancellation what is left after a refund", async () => {
    await rpc.open("o2");
    await rpc.capture("o2");
    await refund({ amount: euros(598n) });
    await rpc.cancel("o1");
    await rpc.cancel("o2");
    assert.equal((await refusalOf(refund({ name: "payments/o2", requestId: two }))).reason, "REFUND_TOO_LARGE");
    assert.deepEqual(rows(), [
      `o1/${one} 598 `,
      "o1/cancel 2000 the order was cancelled",
      "o2/cancel 2598 the order was cancelled",
    ]);
  });
});
