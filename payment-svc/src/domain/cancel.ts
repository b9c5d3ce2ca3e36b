import { voidPayment } from "./capture.ts";
import type { Payment, PaymentDecision } from "./payment.ts";
import { requestWhatIsLeft } from "./refund.ts";

/**
 * Answers the cancellation of an order, whatever state its payment is in. No payment yet: a tombstone, so that a late
 * request for money finds the order closed. Provider never asked: voided. Being asked: what it captures goes back.
 * Captured: goes back. Declined, voided or cancelled before: nothing (undefined), the answer was given.
 */
export function cancelPayment(
  payment: Payment | undefined,
  order: { readonly id: string; readonly userId: string },
  now: number,
): PaymentDecision | undefined {
  if (payment === undefined) return voidPayment(emptyPayment(order, now), now);
  if (payment.isCancelRequested) return undefined;
  const cancelled: Payment = { ...payment, isCancelRequested: true };
  switch (payment.state) {
    case "CAPTURING":
      return payment.attempts === 0 ? voidPayment(cancelled, now) : { next: cancelled, events: [], entries: [] };
    case "CAPTURED":
      return { next: requestWhatIsLeft(cancelled, now), events: [], entries: [] };
    case "DECLINED":
    case "VOIDED":
      return undefined;
  }
}

function emptyPayment(order: { readonly id: string; readonly userId: string }, now: number): Payment {
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
