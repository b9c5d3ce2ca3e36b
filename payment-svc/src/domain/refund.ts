import {
  amountOf,
  bookMovement,
  leftMinor,
  type Payment,
  type PaymentDecision,
  type Refund,
  refundedMinor,
} from "./payment.ts";

/**
 * Asks for everything to go back that was captured and is not on its way back yet, because the order was cancelled. The
 * payment stays as it is when nothing is left.
 */
export function requestWhatIsLeft(payment: Payment, now: number): Payment {
  const amountMinor = leftMinor(payment);
  if (amountMinor === 0) return payment;
  const id = `${payment.id}/cancel`;
  return withNewRefund(payment, { id, amountMinor, reason: "the order was cancelled", requestHash: undefined }, now);
}

/** Adds a refund that is due at once. Others see it pending, so the version rises. */
export function withNewRefund(
  payment: Payment,
  refund: Pick<Refund, "id" | "amountMinor" | "reason" | "requestHash">,
  now: number,
): Payment {
  const added: Refund = { ...refund, state: "REQUESTED", attempts: 0, nextAttemptTime: now };
  return { ...payment, refunds: [...payment.refunds, added], version: payment.version + 1, updateTime: now };
}

/**
 * Counts an attempt to carry out a refund, before the provider is asked. Nothing (undefined) when it is done.
 */
export function startRefund(payment: Payment, refundId: string): PaymentDecision | undefined {
  const refund = payment.refunds.find((candidate) => candidate.id === refundId);
  if (refund?.state !== "REQUESTED") return undefined;
  return { next: withRefund(payment, { ...refund, attempts: refund.attempts + 1 }), events: [], entries: [] };
}

/** Puts the next attempt off: the provider's answer is not known. Nothing (undefined) when the refund is done. */
export function postponeRefund(
  payment: Payment,
  refundId: string,
  nextAttemptTime: number,
): PaymentDecision | undefined {
  const refund = payment.refunds.find((candidate) => candidate.id === refundId);
  if (refund?.state !== "REQUESTED") return undefined;
  return { next: withRefund(payment, { ...refund, nextAttemptTime }), events: [], entries: [] };
}

/** Records that the provider returned the money. Nothing (undefined) when it is known already. */
export function recordRefund(payment: Payment, refundId: string, now: number): PaymentDecision | undefined {
  const refund = payment.refunds.find((candidate) => candidate.id === refundId);
  if (refund?.state !== "REQUESTED") return undefined;
  const { currency } = amountOf(payment);
  const version = payment.version + 1;
  const next = { ...withRefund(payment, { ...refund, state: "DONE" }), version, updateTime: now };
  const amount = { currency, minorUnits: refund.amountMinor };
  return {
    next,
    events: [
      {
        kind: "refunded",
        paymentId: payment.id,
        version,
        time: now,
        amount,
        refunded: { currency, minorUnits: refundedMinor(next) },
      },
    ],
    entries: bookMovement(`refund/${refund.id}`, "SALES_REFUNDS", "PROVIDER_RECEIVABLE", amount),
  };
}

function withRefund(payment: Payment, refund: Refund): Payment {
  return { ...payment, refunds: payment.refunds.map((other) => (other.id === refund.id ? refund : other)) };
}
