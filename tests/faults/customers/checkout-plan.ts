import { seededRandom } from "../random.ts";

/** When a customer cancels: at once, when the order has been seen in a state, or while a part of its money goes back. */
export type CancelMoment = "PENDING" | "AWAITING_PAYMENT" | "CONFIRMED" | "REFUNDING";

/** When a customer sends the request a second time, always with the same request id. */
export type Repetition = "at the same time" | "at once" | "when settled";

/** Which products an order is of: plenty of each, the last pieces that many want, or one of which there is none. */
export type Shelf = "full" | "scarce" | "empty";

/** One kind of checkout. `share` is a number of a hundred. */
interface Kind {
  readonly name: string;
  readonly share: number;
  readonly tokens: readonly string[];
  /** How such an order may end, as "STATE" or "STATE REASON". */
  readonly ends: readonly string[];
  readonly shelf?: Shelf;
  readonly cancel?: CancelMoment;
  readonly refund?: "part" | "whole";
  readonly deletesOwner?: boolean;
}

/** What one customer is going to do. */
export interface CheckoutPlan extends Omit<Kind, "share" | "tokens"> {
  readonly paymentToken: string;
  /** How many pieces of each of its products, of which there are as many as entries. */
  readonly quantities: readonly number[];
  /** Chooses the customer, the products and, for a refund in part, the amount. From 0 to 1. */
  readonly choice: number;
  readonly repetition: Repetition;
  /** How long the customer thinks before the next step. */
  readonly pauseMs: number;
}

const cardsThatPay = ["tok_visa", "tok_timeout", "tok_lost", "tok_fail_2", "tok_delay_400"];
const cardsThatRefund = ["tok_visa", "tok_refund_timeout", "tok_refund_lost", "tok_refund_fail_2"];
const paid = ["CONFIRMED"];
const requested = ["CANCELLED REQUESTED"];

/** 70 of a hundred are meant to be paid; 8 are declined, 8 out of stock and 14 cancelled, in each state. */
const kinds: readonly Kind[] = [
  { name: "paid", share: 28, tokens: ["tok_visa"], ends: paid },
  { name: "paid with trouble", share: 23, tokens: cardsThatPay, ends: paid },
  {
    name: "paid while stock lasts",
    share: 4,
    tokens: cardsThatPay,
    ends: ["CONFIRMED", "CANCELLED OUT_OF_STOCK"],
    shelf: "scarce",
  },
  { name: "refunded in part", share: 6, tokens: cardsThatRefund, ends: paid, refund: "part" },
  { name: "refunded", share: 6, tokens: cardsThatRefund, ends: paid, refund: "whole" },
  {
    name: "account deleted",
    share: 3,
    tokens: ["tok_visa", "tok_delay_1500"],
    ends: ["CONFIRMED", "CANCELLED USER_DELETED"],
    deletesOwner: true,
  },
  { name: "declined", share: 8, tokens: ["tok_declined"], ends: ["CANCELLED PAYMENT_DECLINED"] },
  { name: "out of stock", share: 8, tokens: ["tok_visa"], ends: ["CANCELLED OUT_OF_STOCK"], shelf: "empty" },
  { name: "cancelled at once", share: 5, tokens: cardsThatPay, ends: requested, cancel: "PENDING" },
  {
    name: "cancelled before it was paid",
    share: 5,
    tokens: ["tok_delay_2000", "tok_fail_5"],
    ends: requested,
    cancel: "AWAITING_PAYMENT",
  },
  { name: "cancelled when paid", share: 2, tokens: cardsThatRefund, ends: requested, cancel: "CONFIRMED" },
  {
    name: "cancelled while refunded in part",
    share: 2,
    tokens: cardsThatRefund,
    ends: requested,
    refund: "part",
    cancel: "REFUNDING",
  },
];

const linesMax = 3;
const quantityMax = 3;
const pauseMaxMs = 250;
const repetitions: readonly Repetition[] = ["at the same time", "at once", "when settled", "when settled"];

/** How many of a hundred checkouts are meant to end without a sale: declined, out of stock or cancelled. */
export const unsoldShare = kinds
  .filter(({ ends }) => ends.every((end) => end.startsWith("CANCELLED")))
  .reduce((sum, { share }) => sum + share, 0);

/** Plans checkouts without end: the kinds in their shares, in an order and with details that follow from the seed. */
export function* checkoutPlans(seed: number): Generator<CheckoutPlan, never> {
  const random = seededRandom(seed);
  const hundred = kinds.flatMap((kind) => Array.from({ length: kind.share }, () => kind));
  for (;;) {
    for (const { share: _, tokens, ...kind } of random.shuffled(hundred)) {
      yield {
        ...kind,
        paymentToken: random.pick(tokens),
        quantities: Array.from({ length: random.between(1, linesMax) }, () => random.between(1, quantityMax)),
        choice: random.next(),
        repetition: random.pick(repetitions),
        pauseMs: random.between(0, pauseMaxMs),
      };
    }
  }
}

/** The first `count` of the plans of a seed. */
export function planCheckouts(seed: number, count: number): CheckoutPlan[] {
  const plans = checkoutPlans(seed);
  return Array.from({ length: count }, () => plans.next().value);
}
