import assert from "node:assert/strict";
import { DomainError } from "@quartet/chassis/domain-error";
import { describe, it } from "mocha";
import { aCapturedPayment, aPayment, aRefund } from "../testing/builders.ts";
import type { Payment } from "./payment.ts";
import { type RefundRequest, requestRefund } from "./request-refund.ts";

const aRequest = (changes: Partial<RefundRequest> = {}): RefundRequest => ({
  requestId: "r1",
  requestHash: "hash of r1",
  amount: { currency: "EUR", minorUnits: 598 },
  reason: "broken",
  ...changes,
});
const euros = (minorUnits: number) => ({ currency: "EUR", minorUnits });

describe("requestRefund", () => {
  it("puts a part on its way back, which others can see and nobody is told before it is carried out", () => {
    assert.deepEqual(requestRefund(aCapturedPayment(), aRequest(), 5), {
      next: aCapturedPayment({ refunds: [aRefund({ nextAttemptTime: 5 })], version: 3, updateTime: 5 }),
      events: [],
      entries: [],
    });
  });

  it("gives back what is left when no amount is asked for, and counts what is on its way as gone", () => {
    const refunds = [aRefund({ id: "o1/r0", amountMinor: 1000, state: "DONE" }), aRefund({ id: "o1/r9" })];
    const decision = requestRefund(aCapturedPayment({ refunds }), aRequest({ amount: undefined }), 5);
    assert.equal(decision?.next.refunds[2]?.amountMinor, 1000);
  });

  it("gives back all of it to the last minor unit", () => {
    const whole = requestRefund(aCapturedPayment(), aRequest({ amount: euros(2598) }), 5);
    assert.equal(whole?.next.refunds[0]?.amountMinor, 2598);
  });

  it("does nothing for a request that was accepted before, whatever became of the payment since", () => {
    const refunds = [aRefund({ state: "DONE" }), aRefund({ id: "o1/cancel", amountMinor: 2000 })];
    assert.equal(requestRefund(aCapturedPayment({ refunds, isCancelRequested: true }), aRequest(), 5), undefined);
  });

  const refused = (payment: Payment, request: RefundRequest) => {
    try {
      requestRefund(payment, request, 5);
    } catch (error) {
      assert.ok(error instanceof DomainError);
      const { kind, reason, metadata, fields } = error;
      return { kind, reason, metadata, fields: fields.map(({ field }) => field) };
    }
    return assert.fail("it was accepted");
  };

  it("refuses another request under the same id", () => {
    const payment = aCapturedPayment({ refunds: [aRefund()] });
    const { kind, reason, metadata } = refused(payment, aRequest({ requestHash: "another" }));
    assert.deepEqual([kind, reason, metadata], ["already_exists", "REQUEST_ID_REUSED", { request_id: "r1" }]);
  });

  it("refuses more than is left, and says how much that is", () => {
    const payment = aCapturedPayment({ refunds: [aRefund({ id: "o1/r0" })] });
    assert.deepEqual(refused(payment, aRequest({ amount: euros(2001) })), {
      kind: "failed_precondition",
      reason: "REFUND_TOO_LARGE",
      metadata: { payment: "payments/o1", currency: "EUR", left_minor_units: "2000", asked_minor_units: "2001" },
      fields: [],
    });
  });

  it("refuses to give back what is left when nothing is", () => {
    const payment = aCapturedPayment({ refunds: [aRefund({ id: "o1/r0", amountMinor: 2598 })] });
    const { reason, metadata } = refused(payment, aRequest({ amount: undefined }));
    assert.deepEqual(
      [reason, metadata],
      ["REFUND_TOO_LARGE", { payment: "payments/o1", currency: "EUR", left_minor_units: "0" }],
    );
  });

  it("takes a request for a repetition whose refund was found at the provider", () => {
    const { requestId } = aRequest();
    const refunds = [aRefund({ id: `o1/${requestId}`, state: "DONE", requestHash: undefined })];
    assert.equal(requestRefund(aCapturedPayment({ refunds }), aRequest(), 5), undefined);
  });

  it("refuses another currency and names the field", () => {
    assert.deepEqual(refused(aCapturedPayment(), aRequest({ amount: { currency: "USD", minorUnits: 1 } })), {
      kind: "invalid",
      reason: "CURRENCY_MISMATCH",
      metadata: { payment: "payments/o1", currency: "EUR", asked_currency: "USD" },
      fields: ["amount.currency"],
    });
  });

  for (const payment of [
    aPayment(),
    aPayment({ attempts: 3, isCancelRequested: true }),
    aPayment({ state: "DECLINED", paymentToken: undefined }),
    aPayment({ state: "VOIDED", paymentToken: undefined, amount: undefined }),
  ]) {
    it(`refuses to give anything back of a payment that is ${payment.state} after ${payment.attempts} attempts`, () => {
      const { kind, reason, metadata } = refused(payment, aRequest());
      assert.deepEqual([kind, reason], ["failed_precondition", "PAYMENT_NOT_CAPTURED"]);
      assert.deepEqual(metadata, { payment: "payments/o1", state: payment.state });
    });
  }
});
