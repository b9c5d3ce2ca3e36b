/** An amount in the smallest unit of its currency (ISO 4217). Whole, and small enough to be exact as a number. */
export interface Money {
  readonly currency: string;
  readonly minorUnits: number;
}

/** The longest pause between two times that the provider is asked about the same. */
export const providerPauseMaxMs = 30_000;

/** Where a payment stands. Only CAPTURING waits for the provider; the others are final. */
export type PaymentState = "CAPTURING" | "CAPTURED" | "DECLINED" | "VOIDED";

/** Money on its way back. Its id is the key under which the provider carries it out once. */
export interface Refund {
  readonly id: string;
  readonly amountMinor: number;
  readonly state: "REQUESTED" | "DONE";
  /** How often the provider was asked; written before each call. */
  readonly attempts: number;
  /** Not before this time is the provider asked again. */
  readonly nextAttemptTime: number;
  /** Why, in the words of whoever asked for it. */
  readonly reason: string;
  /** Hash of the request for it; undefined when the cancellation of the order is the cause. */
  readonly requestHash: string | undefined;
}

/** The money of one order, under the order's id. Times are ms since the epoch. */
export interface Payment {
  readonly id: string;
  readonly userId: string;
  readonly state: PaymentState;
  /** Unknown when the order was cancelled before it asked for money. */
  readonly amount: Money | undefined;
  /** Reference to the means of payment; gone once the payment is final, empty when the provider is only asked what it did. */
  readonly paymentToken: string | undefined;
  /** How often the provider was asked to capture; written before each call. */
  readonly attempts: number;
  /** Not before this time is the provider asked again to capture. */
  readonly nextAttemptTime: number;
  /** The order was cancelled while the provider was being asked: what is captured goes back. */
  readonly isCancelRequested: boolean;
  readonly refunds: readonly Refund[];
  readonly declineCode: string;
  /** Rises with every change that others can see. */
  readonly version: number;
  readonly createTime: number;
  /** When the version last rose. */
  readonly updateTime: number;
}

/** A fact about a payment, to be published. */
export type PaymentEvent = { readonly paymentId: string; readonly version: number; readonly time: number } & (
  | { readonly kind: "captured"; readonly amount: Money }
  | { readonly kind: "declined"; readonly declineCode: string }
  | { readonly kind: "voided" }
  | { readonly kind: "refunded"; readonly amount: Money; readonly refunded: Money }
);

/** What a decision about a payment comes to. Entries balance: they are one movement of money. */
export interface PaymentDecision {
  readonly next: Payment;
  readonly events: readonly PaymentEvent[];
  readonly entries: readonly LedgerEntry[];
}

/** Where money is in the books. */
export type Account = "PROVIDER_RECEIVABLE" | "SALES" | "SALES_REFUNDS";

/** One side of a movement of money: either a debit or a credit, and never both. */
export interface LedgerEntry {
  /** What moved the money: `capture/{payment}` or `refund/{refund}`. A movement is booked once. */
  readonly movement: string;
  readonly account: Account;
  readonly currency: string;
  readonly debitMinor: number;
  readonly creditMinor: number;
}

/** What the provider has returned. */
export function refundedMinor(payment: Payment): number {
  return sumOfRefunds(payment, "DONE");
}

/** What is on its way back: the provider has not returned it yet. */
export function refundsPendingMinor(payment: Payment): number {
  return sumOfRefunds(payment, "REQUESTED");
}

/**
 * What of a captured payment is neither returned nor on its way back. Not less than nothing, though more than that may be on its
 * way: when the provider turns out to have returned more than was known, it refuses the rest.
 */
export function leftMinor(payment: Payment): number {
  return Math.max(0, amountOf(payment).minorUnits - refundedMinor(payment) - refundsPendingMinor(payment));
}

function sumOfRefunds(payment: Payment, state: Refund["state"]): number {
  return payment.refunds
    .filter((refund) => refund.state === state)
    .reduce((sum, refund) => sum + refund.amountMinor, 0);
}

/** The amount of a payment that has one. */
export function amountOf(payment: Payment): Money {
  if (payment.amount === undefined) throw new Error(`payments/${payment.id} has no amount`);
  return payment.amount;
}

/** A movement of money from one account to another. */
export function bookMovement(movement: string, debit: Account, credit: Account, amount: Money): LedgerEntry[] {
  const { currency, minorUnits } = amount;
  return [
    { movement, account: debit, currency, debitMinor: minorUnits, creditMinor: 0 },
    { movement, account: credit, currency, debitMinor: 0, creditMinor: minorUnits },
  ];
}
