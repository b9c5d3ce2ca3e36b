import {
  amountOf,
  bookMovement,
  leftMinor,
  type Payment,
  type PaymentDecision,
  type Refund,
  refundedMinor,
} from "./payment.ts";

/** What the provider has returned, under the key that it was asked with. */
export interface ProviderRefund {
  readonly key: string;
  readonly amountMinor: number;
}

/** The key under which the provider carries out a refund once. */
export function refundKey(refundId: string): string {
  return `refund/${refundId}`;
}

/**
 * Asks for everything to go back that was captured and is not on its way back yet, because the order was cancelled. The
 * payment stays as it is when nothing is left. More than one such refund it has only when the provider, from before a restore,
 * knew the first one for less.
 */
export function requestWhatIsLeft(payment: Payment, now: number): Payment {
  const amountMinor = leftMinor(payment);
  if (amountMinor === 0) return payment;
  const ids = new Set(payment.refunds.map((refund) => refund.id));
  let id = `${payment.id}/cancel`;
  for (let number = 2; ids.has(id); number++) id = `${payment.id}/cancel/${number}`;
  return withNewRefund(payment, { id, amountMinor, reason: "the order was cancelled", requestHash: undefined }, now);
}

/** Adds a refund that is due at once. Others see it pending, so the version rises. */
export function withNewRefund(
  payment: Payment,
  refund: Pick<Refund, "id" | "amountMinor" | "reason" | "requestHash">,
  now: number,
): Payment {
  const added: Refund = { ...refund, state: "REQUESTED", attempts: 0, nextAttemptTime: now };
  return { ...payment, refunds: [...payment.refunds, added], version: payment.version + 1, updateTime: now };
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

/**
 * Records what the provider has returned under the key of a refund: what was asked for, or what had been asked for under the
 * same key before a restore made us forget it. What is left of a cancelled order then goes back, too. Nothing (undefined) when
 * it is known already.
 */
export function recordRefund(
  payment: Payment,
  refundId: string,
  returnedMinor: number,
  now: number,
): PaymentDecision | undefined {
  const refund = payment.refunds.find((candidate) => candidate.id === refundId);
  if (refund?.state !== "REQUESTED") return undefined;
  const booked = book(payment, { ...refund, amountMinor: returnedMinor, state: "DONE" }, now);
  return payment.isCancelRequested ? { ...booked, next: requestWhatIsLeft(booked.next, now) } : booked;
}

/**
 * Answers the provider's refusal of a refund because more would go back than was captured: books what went back without us
 * (by hand at the provider, or before a restore made us forget it), and asks only for what is left then, if anything is.
 * Nothing (undefined) when the refund is done. Throws when by what the provider has returned there is enough left: then the
 * refusal is its mistake, or ours.
 */
export function makeRoom(
  payment: Payment,
  refundId: string,
  returned: readonly ProviderRefund[],
  now: number,
): PaymentDecision | undefined {
  const refused = payment.refunds.find(({ id }) => id === refundId);
  if (refused?.state !== "REQUESTED") return undefined;
  const ours = new Set(payment.refunds.map(({ id }) => refundKey(id)));
  const unknown = returned.filter(({ key }) => !ours.has(key));
  const carriedOut = new Map(returned.map(({ key, amountMinor }) => [key, amountMinor]));
  const isGone = ({ id, state }: Refund) => state === "DONE" || carriedOut.has(refundKey(id));
  let left = amountOf(payment).minorUnits;
  for (const { amountMinor } of unknown) left -= amountMinor;
  for (const { id, amountMinor } of payment.refunds.filter(isGone))
    left -= carriedOut.get(refundKey(id)) ?? amountMinor;
  const refunds = payment.refunds.flatMap((refund) => {
    if (isGone(refund)) return [refund];
    const amountMinor = Math.min(refund.amountMinor, left);
    left -= amountMinor;
    if (amountMinor === 0) return [];
    return [amountMinor === refund.amountMinor ? refund : { ...refund, amountMinor }];
  });
  if (unknown.length === 0 && refunds.includes(refused)) {
    throw new Error(`the provider refuses ${refundKey(refundId)}, for which it has enough left`);
  }
  return unknown.reduce<PaymentDecision>(
    ({ next, events, entries }, refund) => {
      const more = book(next, foundRefund(refund, now), now);
      return { next: more.next, events: [...events, ...more.events], entries: [...entries, ...more.entries] };
    },
    { next: { ...payment, refunds }, events: [], entries: [] },
  );
}

function foundRefund({ key, amountMinor }: ProviderRefund, now: number): Refund {
  const id = key.replace(/^refund\//, "");
  const reason = "returned without us";
  return { id, amountMinor, state: "DONE", attempts: 0, nextAttemptTime: now, reason, requestHash: undefined };
}

/** Adds a refund that is done, or puts it in the place of its request. */
function book(payment: Payment, done: Refund, now: number): PaymentDecision {
  const isHere = payment.refunds.some(({ id }) => id === done.id);
  const after = isHere ? withRefund(payment, done) : { ...payment, refunds: [...payment.refunds, done] };
  const version = payment.version + 1;
  const next = { ...after, version, updateTime: now };
  const { currency } = amountOf(payment);
  const amount = { currency, minorUnits: done.amountMinor };
  const refunded = { currency, minorUnits: refundedMinor(next) };
  return {
    next,
    events: [{ kind: "refunded", paymentId: payment.id, version, time: now, amount, refunded }],
    entries: bookMovement(`refund/${done.id}`, "SALES_REFUNDS", "PROVIDER_RECEIVABLE", amount),
  };
}

function withRefund(payment: Payment, refund: Refund): Payment {
  return { ...payment, refunds: payment.refunds.map((other) => (other.id === refund.id ? refund : other)) };
}
