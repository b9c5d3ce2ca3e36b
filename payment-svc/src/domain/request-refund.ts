import { DomainError, requestIdReused } from "@quartet/chassis/domain-error";
import { amountOf, leftMinor, type Money, type Payment, type PaymentDecision } from "./payment.ts";
import { withNewRefund } from "./refund.ts";

/** What an administrator asks for. */
export interface RefundRequest {
  /** Stands for one refund of the payment, for ever: it is part of the key under which the provider carries it out. */
  readonly requestId: string;
  /** Hash of all that is asked: tells a repetition from another request under the same id. */
  readonly requestHash: string;
  /** All that is left, when undefined. */
  readonly amount: Money | undefined;
  readonly reason: string;
}

/**
 * Asks for a part or all of a captured payment to go back. What is on its way back already counts as gone. Nothing
 * (undefined) when this request was accepted before.
 *
 * Throws `already_exists` REQUEST_ID_REUSED, `failed_precondition` PAYMENT_NOT_CAPTURED or REFUND_TOO_LARGE, and
 * `invalid` CURRENCY_MISMATCH.
 */
export function requestRefund(payment: Payment, request: RefundRequest, now: number): PaymentDecision | undefined {
  const { requestId, requestHash, reason } = request;
  const id = `${payment.id}/${requestId}`;
  const earlier = payment.refunds.find((refund) => refund.id === id);
  if (earlier !== undefined) {
    // Of what was found at the provider nobody knows the request, but the id is its own.
    if (earlier.requestHash !== undefined && earlier.requestHash !== requestHash) throw requestIdReused(requestId);
    return undefined;
  }
  const amountMinor = refundableMinor(payment, request.amount);
  return { next: withNewRefund(payment, { id, amountMinor, reason, requestHash }, now), events: [], entries: [] };
}

function refundableMinor(payment: Payment, asked: Money | undefined): number {
  const name = `payments/${payment.id}`;
  if (payment.state !== "CAPTURED") {
    throw new DomainError("failed_precondition", "PAYMENT_NOT_CAPTURED", `nothing was captured for ${name}`, {
      metadata: { payment: name, state: payment.state },
    });
  }
  const { currency } = amountOf(payment);
  if (asked !== undefined && asked.currency !== currency) {
    const description = `must be ${currency}, the currency of the payment`;
    throw new DomainError("invalid", "CURRENCY_MISMATCH", `amount.currency: ${description}`, {
      metadata: { payment: name, currency, asked_currency: asked.currency },
      fields: [{ field: "amount.currency", description }],
    });
  }
  const left = leftMinor(payment);
  const minorUnits = asked?.minorUnits ?? left;
  if (minorUnits > left || left === 0) {
    const isAsked = asked && { asked_minor_units: String(asked.minorUnits) };
    throw new DomainError(
      "failed_precondition",
      "REFUND_TOO_LARGE",
      left === 0
        ? `nothing of ${name} is left to refund`
        : `amount: ${minorUnits} is more than the ${left} minor units of ${currency} that are left of ${name}`,
      { metadata: { payment: name, currency, left_minor_units: String(left), ...isAsked } },
    );
  }
  return minorUnits;
}
