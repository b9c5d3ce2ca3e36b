import type { ServiceName } from "../stack/stack-config.ts";

/** Where the audit reads: a service's database, or the test provider's own record. */
export type AuditSource = ServiceName | "test-provider";

/** What must hold, whatever dies. */
export const invariants = {
  I1: "every acknowledged order is final, or waits for a part that is down",
  I2: "money and stock of an order are what its state says",
  I3: "a product's stock adds up to what was put in, and is never negative",
  I4: "the ledger balances, and says what the payments say",
  I5: "each message has one effect, and the provider moved what we booked",
  I6: "outboxes, inboxes, queues and dead letters end empty, and nothing is parked",
  I7: "an order's events are in order and without a gap",
  I8: "one request id makes one resource",
  I9: "every file is whole",
  I10: "no event without its cause, and no cause without its event",
} as const;

export type Invariant = keyof typeof invariants;

/** One way in which the books do not add up. */
export interface Finding {
  readonly invariant: Invariant;
  /** Whose books do not agree: one, or both sides of a disagreement. */
  readonly services: readonly AuditSource[];
  /** The order, product, payment or message concerned, as in "orders/…". */
  readonly about: string;
  /** What is wrong, in words. */
  readonly what: string;
  /**
   * Present when it may pass by itself: when what it is about last changed, ms since the epoch. Until it has lasted too
   * long it counts as waiting.
   */
  readonly sinceTime?: number;
}

/** A finding in one line. */
export function describeFinding({ invariant, services, about, what }: Finding): string {
  return `${invariant} ${services.join(" and ")}: ${about}: ${what}`;
}
