import { onlyAsk, voidPayment } from "./capture.ts";
import type { Money, Payment, PaymentDecision } from "./payment.ts";
import { requestWhatIsLeft } from "./refund.ts";

/** An order that was cancelled. */
export interface CancelledOrder {
  readonly id: string;
  readonly userId: string;
  /** What it came to, where that is known. */
  readonly total: Money | undefined;
  /** Something may have been captured for it without a trace here, because a backup was restored since it was placed. */
  readonly mayBeCaptured: boolean;
}

/**
 * Answers the cancellation of an order, whatever state its payment is in. No payment yet: a tombstone, so that a late
 * request for money finds the order closed. Provider never asked: voided. Being asked: what it captures goes back.
 * Captured: goes back. Declined, voided or cancelled before: nothing (undefined), the answer was given. Where the provider
 * may know more than is known here, it is asked what it did before anything is voided.
 */
export function cancelPayment(
  payment: Payment | undefined,
  order: CancelledOrder,
  now: number,
): PaymentDecision | undefined {
  if (payment === undefined) return closeUnasked(emptyPayment(order, now), order, now);
  if (payment.isCancelRequested) return undefined;
  const cancelled: Payment = { ...payment, isCancelRequested: true };
  switch (payment.state) {
    case "CAPTURING":
      return payment.attempts === 0
        ? closeUnasked(cancelled, order, now)
        : { next: cancelled, events: [], entries: [] };
    case "CAPTURED":
      return { next: requestWhatIsLeft(cancelled, now), events: [], entries: [] };
    case "DECLINED":
    case "VOIDED":
      return undefined;
  }
}

/** What nobody here has asked the provider for: voided, or asked about as if it had been asked for once. */
function closeUnasked(payment: Payment, order: CancelledOrder, now: number): PaymentDecision {
  const amount = payment.amount ?? order.total;
  if (!order.mayBeCaptured || amount === undefined) return voidPayment(payment, now);
  const version = Math.max(payment.version, 1);
  return { next: { ...payment, amount, paymentToken: onlyAsk, attempts: 1, version }, events: [], entries: [] };
}

function emptyPayment(order: CancelledOrder, now: number): Payment {
  return {
    id: order.id,
    userId: order.userId,
    state: "CAPTURING",
    amount: undefined,
    paymentToken: undefined,
    attempts: 0,
    nextAttemptTime: now,
    isCancelRequested: true,
    refunds: [],
    declineCode: "",
    version: 0,
    createTime: now,
    updateTime: now,
  };
}
