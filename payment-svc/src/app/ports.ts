import type { IncomingMessage } from "@quartet/chassis/storage/messages";
import type { MessageResult, RequestClaim } from "@quartet/chassis/storage/unit-of-work";
import type { CaptureResult } from "../domain/capture.ts";
import type { Account, Money, Payment, PaymentDecision } from "../domain/payment.ts";
import type { ProviderRefund } from "../domain/refund.ts";

/** Work for the provider that is due. */
export type ProviderTask =
  | { readonly kind: "capture"; readonly paymentId: string }
  | { readonly kind: "refund"; readonly paymentId: string; readonly refundId: string };

/** What tells a task from all others: the id of its payment or refund. */
export function keyOf(task: ProviderTask): string {
  return task.kind === "capture" ? task.paymentId : task.refundId;
}

/**
 * Keeps payments, their refunds and the ledger. Each write is one transaction: load, decide, save, book, append the
 * events to the outbox, and claim the message or request that caused it. A decision may be run more than once, so it must be pure;
 * undefined changes nothing.
 */
export interface PaymentStore {
  /** Changes a payment because of a message. A repeated message does nothing. */
  handle(
    paymentId: string,
    message: IncomingMessage,
    decide: (payment: Payment | undefined) => PaymentDecision | undefined,
  ): Promise<MessageResult>;
  /** Changes a payment that exists. Resolves with it after the change, or undefined when nothing changed. */
  update(paymentId: string, decide: (payment: Payment) => PaymentDecision | undefined): Promise<Payment | undefined>;
  /**
   * Changes a payment because of a request. Resolves with it after the change, and for a repeated request with the
   * payment as it is now.
   */
  refund(
    paymentId: string,
    request: RequestClaim,
    decide: (payment: Payment | undefined) => PaymentDecision | undefined,
  ): Promise<Payment>;
  /**
   * Up to `limit` tasks whose time has come, the longest waiting first, but for those with these keys. A time that is further
   * away than any pause has come too: the clock was set back.
   */
  due(now: number, limit: number, excluded?: readonly string[]): Promise<readonly ProviderTask[]>;
}

/** What the reads of payments need. */
export interface PaymentQueries {
  get(paymentId: string): Promise<Payment | undefined>;
  /** How many captures and refunds wait for the provider. Counts them all: for metrics. */
  waitingCount(): number;
  /** Up to `limit` payments of a user, newest first, after the payment `afterId`. */
  list(query: { userId: string; afterId: string | undefined; limit: number }): Promise<readonly Payment[]>;
}

/** What the books say of an account in one currency. Sums outgrow what is exact as a number. */
export interface LedgerBalance {
  readonly currency: string;
  readonly account: Account;
  readonly debitMinor: bigint;
  readonly creditMinor: bigint;
  /** The last entry of the ledger that is counted. */
  readonly asOfEntry: number;
}

/** What the reads of the ledger need. */
export interface LedgerQueries {
  /**
   * Up to `limit` balances by currency and account, all as of one moment: now, or that of the balance `after` which they
   * follow. Over all accounts of a currency, debits and credits of one moment are equal.
   */
  balances(query: {
    after: Pick<LedgerBalance, "currency" | "account" | "asOfEntry"> | undefined;
    limit: number;
  }): Promise<readonly LedgerBalance[]>;
}

/** The provider did not answer, or not clearly: what was asked for may have happened or not. */
export class ProviderUnavailableError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ProviderUnavailableError";
  }
}

/** The provider refuses a refund for good: with it, more would go back than was captured. */
export class RefundRefusedError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "RefundRefusedError";
  }
}

/**
 * A payment provider. It carries out each key once: the same key again returns what happened the first time. Every
 * function throws a ProviderUnavailableError when the result is not known, also at once when `signal` is aborted.
 */
export interface PaymentProvider {
  capture(request: { key: string; amount: Money; paymentToken: string; signal: AbortSignal }): Promise<CaptureResult>;
  /**
   * Returns a part or all of what was captured under `captureKey`. Resolves with what the key has returned, in minor units:
   * not `amount`, when it was asked for another one the first time. Throws a RefundRefusedError when less is left.
   */
  refund(request: { key: string; captureKey: string; amount: Money; signal: AbortSignal }): Promise<number>;
  /** What became of a capture; undefined when the provider never heard of the key. */
  findCapture(key: string, signal: AbortSignal): Promise<CaptureResult | undefined>;
  /** What a refund has returned, in minor units; undefined when the provider never carried out the key. */
  findRefund(key: string, signal: AbortSignal): Promise<number | undefined>;
  /** All that went back of a capture, whoever asked for it, the oldest first. */
  findRefunds(captureKey: string, signal: AbortSignal): Promise<readonly ProviderRefund[]>;
}
