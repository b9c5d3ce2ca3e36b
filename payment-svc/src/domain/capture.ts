import { amountOf, bookMovement, type Money, type Payment, type PaymentDecision } from "./payment.ts";
import { requestWhatIsLeft } from "./refund.ts";

/** What the provider says about a capture, once it is certain. */
export type CaptureResult =
  | { readonly status: "CAPTURED" }
  | { readonly status: "DECLINED"; readonly declineCode: string };

/** What became of a capture: what the provider says, or that it was never asked and is not going to be. */
export type CaptureOutcome = CaptureResult | { readonly status: "NEVER_ASKED" };

/**
 * The token of a payment for which nothing is to be captured any more: the provider is only asked what it did. No means of
 * payment has an empty token.
 */
export const onlyAsk = "";

/** What is known of a payment to make. */
export interface NewPayment {
  readonly id: string;
  readonly userId: string;
  readonly amount: Money;
  readonly paymentToken: string;
}

/**
 * Opens the payment of an order that is ready for it. Nothing (undefined) when there is one: an order is paid once, and
 * one that was cancelled before is not paid at all.
 */
export function openPayment(payment: Payment | undefined, input: NewPayment, now: number): PaymentDecision | undefined {
  if (payment !== undefined) return undefined;
  const next: Payment = {
    ...input,
    state: "CAPTURING",
    attempts: 0,
    nextAttemptTime: now,
    isCancelRequested: false,
    refunds: [],
    declineCode: "",
    version: 1,
    createTime: now,
    updateTime: now,
  };
  return { next, events: [], entries: [] };
}

/**
 * Decides what to do next about a payment that waits for the provider: to ask it (the attempt is counted first, so that a
 * crash during the call is known of), or to void it, when the order was cancelled before the provider was ever asked.
 * Nothing (undefined) when the payment no longer waits.
 */
export function startCapture(payment: Payment, now: number): PaymentDecision | undefined {
  if (payment.state !== "CAPTURING") return undefined;
  if (payment.isCancelRequested && payment.attempts === 0) return voidPayment(payment, now);
  return { next: { ...payment, attempts: payment.attempts + 1 }, events: [], entries: [] };
}

/** Puts the next attempt off: the provider's answer is not known. Nothing (undefined) when the payment is closed. */
export function postponeCapture(payment: Payment, nextAttemptTime: number): PaymentDecision | undefined {
  if (payment.state !== "CAPTURING") return undefined;
  return { next: { ...payment, nextAttemptTime }, events: [], entries: [] };
}

/**
 * Records what became of a capture. What was captured for an order that was cancelled meanwhile goes back at once. Nothing
 * (undefined) when it is known already.
 */
export function recordCapture(payment: Payment, result: CaptureOutcome, now: number): PaymentDecision | undefined {
  if (payment.state !== "CAPTURING") return undefined;
  if (result.status === "NEVER_ASKED") return voidPayment(payment, now);
  const version = payment.version + 1;
  const closed = { ...payment, paymentToken: undefined, version, updateTime: now };
  const fact = { paymentId: payment.id, version, time: now };
  if (result.status === "DECLINED") {
    return {
      next: { ...closed, state: "DECLINED", declineCode: result.declineCode },
      events: [{ ...fact, kind: "declined", declineCode: result.declineCode }],
      entries: [],
    };
  }
  const amount = amountOf(payment);
  const captured: Payment = { ...closed, state: "CAPTURED" };
  return {
    next: payment.isCancelRequested ? requestWhatIsLeft(captured, now) : captured,
    events: [{ ...fact, kind: "captured", amount }],
    entries: bookMovement(`capture/${payment.id}`, "PROVIDER_RECEIVABLE", "SALES", amount),
  };
}

/** Closes a payment for which nothing was captured. */
export function voidPayment(payment: Payment, now: number): PaymentDecision {
  const version = payment.version + 1;
  return {
    next: { ...payment, state: "VOIDED", paymentToken: undefined, version, updateTime: now },
    events: [{ kind: "voided", paymentId: payment.id, version, time: now }],
    entries: [],
  };
}
