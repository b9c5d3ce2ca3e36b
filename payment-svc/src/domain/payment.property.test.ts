import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import { aNewPayment } from "../testing/builders.ts";
import { cancelPayment } from "./cancel.ts";
import { openPayment, recordCapture, startCapture } from "./capture.ts";
import { type LedgerEntry, type Payment, type PaymentEvent, refundedMinor } from "./payment.ts";
import { recordRefund, startRefund } from "./refund.ts";

const steps = fc.array(fc.constantFrom("open", "cancel", "start", "captured", "declined", "startRefund", "refunded"), {
  maxLength: 30,
});

describe("the money of an order", () => {
  it("balances and closes the question once, whatever comes in whichever order and however often", () => {
    fc.assert(
      fc.property(steps, (names) => {
        let payment: Payment | undefined;
        const events: PaymentEvent[] = [];
        const entries: LedgerEntry[] = [];
        for (const name of names) {
          const decision = decide(name, payment);
          if (decision === undefined) continue;
          payment = decision.next;
          events.push(...decision.events);
          entries.push(...decision.entries);
          assertBalances(payment, entries);
        }
        assertVersionsRise(events);
        // The provider gives one answer and the order hears one: captured, declined or voided, and never two of them.
        assert.ok(events.filter((event) => event.kind !== "refunded").length <= 1);
        assert.ok(events.filter((event) => event.kind === "refunded").length <= 1);
      }),
      { numRuns: 500 },
    );
  });
});

function decide(name: string, payment: Payment | undefined) {
  if (name === "open") return openPayment(payment, aNewPayment(), 0);
  if (name === "cancel") return cancelPayment(payment, { id: "o1", userId: "ada" }, 0);
  if (payment === undefined) return undefined;
  if (name === "start") return startCapture(payment, 0);
  // The provider answers only what it was asked.
  const isAsked = payment.attempts > 0;
  if (name === "captured" && isAsked) return recordCapture(payment, { status: "CAPTURED" }, 0);
  if (name === "declined" && isAsked) return recordCapture(payment, { status: "DECLINED", declineCode: "no" }, 0);
  if (name === "startRefund") return startRefund(payment, "o1/cancel");
  if (name === "refunded") return recordRefund(payment, "o1/cancel", 0);
  return undefined;
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
  assert.ok(atProvider >= 0);
  assert.equal(payment.state === "CAPTURING", payment.paymentToken !== undefined);
}

function assertVersionsRise(events: readonly PaymentEvent[]) {
  const versions = events.map((event) => event.version);
  assert.deepEqual(
    versions,
    [...new Set(versions)].sort((one, other) => one - other),
  );
}
