import {
  amountOf,
  bookMovement,
  type Payment,
  type PaymentDecision,
  refundedMinor,
  refundRequestedMinor,
} from "./payment.ts";

/** Asks for everything to go back that was captured and is not on its way back yet. */
export function requestFullRefund(payment: Payment, now: number): Payment {
  const amountMinor = amountOf(payment).minorUnits - refundRequestedMinor(payment);
  if (amountMinor === 0) return payment;
  const refund = {
    id: `${payment.id}/cancel`,
    amountMinor,
    state: "REQUESTED",
    attempts: 0,
    nextAttemptTime: now,
  } as const;
  return { ...payment, refunds: [...payment.refunds, refund] };
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

function withRefund(payment: Payment, refund: Payment["refunds"][number]): Payment {
  return { ...payment, refunds: payment.refunds.map((other) => (other.id === refund.id ? refund : other)) };
}
