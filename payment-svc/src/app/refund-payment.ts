import { DomainError } from "@quartet/chassis/domain-error";
import type { RequestClaim } from "@quartet/chassis/storage/unit-of-work";
import type { Money, Payment } from "../domain/payment.ts";
import { requestRefund } from "../domain/request-refund.ts";
import type { PaymentStore } from "./ports.ts";

export type RefundPayment = (
  input: { readonly paymentId: string; readonly amount: Money | undefined; readonly reason: string },
  request: RequestClaim,
) => Promise<Payment>;

/**
 * Creates the command that accepts a refund, once for each payment and request id, for ever. It only writes: the driver
 * asks the provider, and `onWork` is told the payment for which it may have to. It throws `not_found` PAYMENT_NOT_FOUND and
 * what the domain refuses.
 */
export function createRefundPayment(deps: {
  payments: Pick<PaymentStore, "refund">;
  now: () => number;
  onWork: (paymentId: string) => void;
}): RefundPayment {
  return async ({ paymentId, amount, reason }, request) => {
    const { requestId, hash: requestHash } = request;
    const time = deps.now();
    const payment = await deps.payments.refund(paymentId, request, (found) => {
      if (found === undefined) throw paymentNotFound(paymentId);
      return requestRefund(found, { requestId, requestHash, amount, reason }, time);
    });
    deps.onWork(paymentId);
    return payment;
  };
}

/** The error for a payment that does not exist. A stranger gets the same for one that does. */
export function paymentNotFound(paymentId: string): DomainError {
  const name = `payments/${paymentId}`;
  return new DomainError("not_found", "PAYMENT_NOT_FOUND", `${name} does not exist`, { metadata: { payment: name } });
}
