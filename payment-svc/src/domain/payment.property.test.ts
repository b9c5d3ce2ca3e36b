import assert from "node:assert/strict";
import { DomainError } from "@quartet/chassis/domain-error";
import fc from "fast-check";
import { describe, it } from "mocha";
import { aCancelledOrder, aNewPayment } from "../testing/builders.ts";
import { cancelPayment } from "./cancel.ts";
import { openPayment, recordCapture, startCapture } from "./capture.ts";
import {
  type LedgerEntry,
  type Payment,
  type PaymentDecision,
  type PaymentEvent,
  refundedMinor,
  refundsPendingMinor,
} from "./payment.ts";
import { recordRefund, startRefund } from "./refund.ts";
import { requestRefund } from "./request-refund.ts";

/** What can happen to a payment. A refund is named by its place among those that were accepted. */
type Step =
  | { readonly name: "open" | "cancel" | "cancelLater" | "start" | "captured" | "declined" | "neverAsked" }
  | { readonly name: "refund"; readonly id: number; readonly minorUnits: number | undefined }
  | { readonly name: "startRefund" | "refunded"; readonly place: number };

const amount = aNewPayment().amount;

const pick = <T extends string>(...names: T[]) => fc.record({ name: fc.constantFrom(...names) });
const anyAmount = fc.oneof(fc.integer({ min: 1, max: amount.minorUnits + 1 }), fc.constantFrom(1, amount.minorUnits));
// Most payments are captured, or there would be little to refund.
const firstStep = fc.oneof(
  { weight: 9, arbitrary: pick("open") },
  { weight: 1, arbitrary: pick("cancel", "cancelLater") },
);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: pick("open", "cancel", "cancelLater", "declined", "neverAsked") },
  { weight: 4, arbitrary: pick("start", "captured") },
  {
    weight: 5,
    arbitrary: fc.record({
      name: fc.constant("refund" as const),
      id: fc.nat({ max: 5 }),
      minorUnits: fc.option(anyAmount, { nil: undefined }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ name: fc.constantFrom("startRefund", "refunded"), place: fc.nat({ max: 2 }) }),
  },
);

describe("the money of an order", () => {
  it("balances and never returns more than came, whatever comes in whichever order and however often", () => {
    let fullyRefunded = 0;
    fc.assert(
      fc.property(firstStep, fc.array(anyStep, { maxLength: 40, size: "max" }), (start, sequence) => {
        let payment: Payment | undefined;
        const events: PaymentEvent[] = [];
        const entries: LedgerEntry[] = [];
        for (const step of [start, ...sequence]) {
          const decision = decide(step, payment);
          if (decision === undefined) continue;
          assertSeen(payment, decision.next);
          payment = decision.next;
          events.push(...decision.events);
          entries.push(...decision.entries);
          assertBalances(payment, entries);
        }
        assertEventsAddUp(events, payment);
        if (payment !== undefined && refundedMinor(payment) === amount.minorUnits) fullyRefunded++;
      }),
      { numRuns: 1_000 },
    );
    assert.ok(fullyRefunded > 0, "no sequence got as far as to return everything");
  });
});

function decide(step: Step, payment: Payment | undefined): PaymentDecision | undefined {
  if (step.name === "open") return openPayment(payment, aNewPayment(), 0);
  if (step.name === "cancel") return cancelPayment(payment, aCancelledOrder(), 0);
  // After a restore.
  if (step.name === "cancelLater") return cancelPayment(payment, aCancelledOrder({ mayBeCaptured: true }), 0);
  if (payment === undefined) return undefined;
  // The provider answers only what it was asked.
  const isAsked = payment.attempts > 0;
  switch (step.name) {
    case "start":
      return startCapture(payment, 0);
    case "captured":
      return isAsked ? recordCapture(payment, { status: "CAPTURED" }, 0) : undefined;
    case "declined":
      return isAsked ? recordCapture(payment, { status: "DECLINED", declineCode: "no" }, 0) : undefined;
    case "neverAsked":
      return isAsked ? recordCapture(payment, { status: "NEVER_ASKED" }, 0) : undefined;
    case "refund":
      return requestOrRefuse(payment, step);
    case "startRefund":
      return startRefund(payment, payment.refunds[step.place]?.id ?? "");
    case "refunded": {
      const refund = payment.refunds[step.place];
      return refund && recordRefund(payment, refund.id, refund.amountMinor, 0);
    }
  }
}

/** Asks for a refund. It is refused exactly when it must be. */
function requestOrRefuse(payment: Payment, step: Step & { name: "refund" }): PaymentDecision | undefined {
  const asked = step.minorUnits === undefined ? undefined : { ...amount, minorUnits: step.minorUnits };
  const requestHash = String(step.minorUnits);
  const request = { requestId: String(step.id), requestHash, amount: asked, reason: "" };
  const earlier = payment.refunds.find(({ id }) => id === `o1/${step.id}`);
  const left = amount.minorUnits - payment.refunds.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
  const expected = () => {
    if (earlier !== undefined) return earlier.requestHash === requestHash ? undefined : "REQUEST_ID_REUSED";
    if (payment.state !== "CAPTURED") return "PAYMENT_NOT_CAPTURED";
    return (asked?.minorUnits ?? 1) > left ? "REFUND_TOO_LARGE" : undefined;
  };
  const refusal = expected();
  try {
    const decision = requestRefund(payment, request, 0);
    assert.equal(refusal, undefined);
    assert.equal(decision === undefined, earlier !== undefined);
    return decision;
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    assert.equal(error.reason, refusal);
    return undefined;
  }
}

function assertBalances(payment: Payment, entries: readonly LedgerEntry[]) {
  const sum = (pick: (entry: LedgerEntry) => number) => entries.reduce((total, entry) => total + pick(entry), 0);
  assert.equal(
    sum((entry) => entry.debitMinor),
    sum((entry) => entry.creditMinor),
  );
  const atProvider = sum((entry) =>
    entry.account === "PROVIDER_RECEIVABLE" ? entry.debitMinor - entry.creditMinor : 0,
  );
  const captured = payment.state === "CAPTURED" ? (payment.amount?.minorUnits ?? 0) : 0;
  assert.equal(atProvider, captured - refundedMinor(payment));
  assert.ok(atProvider >= refundsPendingMinor(payment), "more is on its way back than there is");
  assert.equal(payment.state === "CAPTURING", payment.paymentToken !== undefined);
}

/** The version rises with every change that others can see, and with no other. */
function assertSeen(before: Payment | undefined, after: Payment) {
  if (before === undefined) return;
  const seen = (payment: Payment) => [payment.state, refundedMinor(payment), refundsPendingMinor(payment)].join();
  assert.equal(after.version > before.version, seen(after) !== seen(before));
}

function assertEventsAddUp(events: readonly PaymentEvent[], payment: Payment | undefined) {
  const versions = events.map((event) => event.version);
  assert.deepEqual(
    versions,
    [...new Set(versions)].sort((one, other) => one - other),
  );
  // The provider gives one answer and the order hears one, first of all: captured, declined or voided.
  assert.ok(events.slice(1).every((event) => event.kind === "refunded"));
  assert.notEqual(events[0]?.kind, "refunded");
  let refunded = 0;
  for (const event of events) {
    if (event.kind !== "refunded") continue;
    refunded += event.amount.minorUnits;
    assert.equal(event.refunded.minorUnits, refunded);
  }
  assert.equal(refunded, payment === undefined ? 0 : refundedMinor(payment));
}
