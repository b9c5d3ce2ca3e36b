import type { IncomingMessage } from "@quartet/chassis/storage/messages";
import type { RequestClaim } from "@quartet/chassis/storage/unit-of-work";
import type { CancelledOrder } from "../domain/cancel.ts";
import type { NewPayment } from "../domain/capture.ts";
import type { Payment, Refund } from "../domain/payment.ts";

/** What an order that is ready for payment brings: 25.98 EUR. */
export function aNewPayment(changes: Partial<NewPayment> = {}): NewPayment {
  return {
    id: "o1",
    userId: "ada",
    amount: { currency: "EUR", minorUnits: 2598 },
    paymentToken: "tok_visa",
    ...changes,
  };
}

/** A payment to test with: waits for its first capture. */
export function aPayment(changes: Partial<Payment> = {}): Payment {
  return {
    ...aNewPayment(),
    state: "CAPTURING",
    attempts: 0,
    nextAttemptTime: 0,
    isCancelRequested: false,
    refunds: [],
    declineCode: "",
    version: 1,
    createTime: 0,
    updateTime: 0,
    ...changes,
  };
}

/** A payment whose money was captured. */
export function aCapturedPayment(changes: Partial<Payment> = {}): Payment {
  return aPayment({ state: "CAPTURED", paymentToken: undefined, attempts: 1, version: 2, ...changes });
}

/** The order of these payments, cancelled. */
export function aCancelledOrder(changes: Partial<CancelledOrder> = {}): CancelledOrder {
  return { id: "o1", userId: "ada", total: aNewPayment().amount, mayBeCaptured: false, ...changes };
}

/** A refund of 5.98 EUR that was asked for and not carried out yet. */
export function aRefund(changes: Partial<Refund> = {}): Refund {
  return {
    id: "o1/r1",
    amountMinor: 598,
    state: "REQUESTED",
    attempts: 0,
    nextAttemptTime: 0,
    reason: "broken",
    requestHash: "hash of r1",
    ...changes,
  };
}

/** A request as the rpc layer hands it on. Requests of one id and one hash are one. */
export function aClaim(requestId: string, changes: Partial<RequestClaim> = {}): RequestClaim {
  return { caller: "users/root", method: "test.Refund", requestId, hash: `hash of ${requestId}`, ...changes };
}

/** A message as the consumer hands it on; its content does not matter to whoever only claims it. */
export function aMessage(id: string): IncomingMessage {
  return {
    id,
    type: "test.Event",
    aggregate: "tests/1",
    version: 1,
    payload: new Uint8Array(),
    time: 0,
    redelivered: false,
  };
}
