import type { IncomingMessage } from "@quartet/chassis/storage/messages";
import type { RequestClaim } from "@quartet/chassis/storage/unit-of-work";
import type { Order, TimelineEntry, Transition } from "../domain/order.ts";
import type { PricedProduct } from "../domain/place-order.ts";

/** An order whose step has waited too long: the step is named by the event whose answer is missing. */
export interface OverdueOrder {
  readonly orderId: string;
  readonly stepEventId: string;
}

/**
 * Keeps orders with their lines and timelines. Each write is one transaction: load, decide, save, append the entry to the
 * timeline and the events to the outbox, and claim the request or message that caused it. A decision may be run more than
 * once, so it must be pure.
 */
export interface OrderStore {
  /**
   * Saves a new order. A repeated request returns the order it placed, as it is now; the same request id with other
   * content throws already_exists REQUEST_ID_REUSED. A user's request id is good for one order, for ever.
   */
  place(request: RequestClaim | undefined, decide: () => Transition): Promise<Order>;
  /** The order that a request of the user placed, as it is now. Throws already_exists REQUEST_ID_REUSED. */
  findPlaced(userId: string, request: RequestClaim): Promise<Order | undefined>;
  /** Changes an order and returns it. */
  update(orderId: string, decide: (order: Order | undefined) => Transition): Promise<Order>;
  /** Changes an order by a message. A repeated message does nothing. */
  record(orderId: string, message: IncomingMessage, decide: (order: Order | undefined) => Transition): Promise<void>;
  /**
   * Up to `limit` open orders, those that wait longest first, whose step's event the broker confirmed at `sentBefore` or
   * earlier. An event that is not confirmed is never overdue.
   */
  overdue(sentBefore: number, limit: number): Promise<readonly OverdueOrder[]>;
}

/** A product as it was when that was last known to be true, ms since epoch. */
export interface KnownProduct extends PricedProduct {
  readonly confirmTime: number;
}

/** What order-svc itself knows about the products. A version lower than the known one changes nothing. */
export interface ProductReplica {
  /** Those among the products that are known. */
  find(productIds: readonly string[]): Promise<ReadonlyMap<string, KnownProduct>>;
  /** Takes over an answer of product-svc. */
  confirm(products: readonly KnownProduct[]): Promise<void>;
  /** Takes over an event of product-svc. */
  record(product: KnownProduct, message: IncomingMessage): Promise<void>;
}

/** What product-svc says about the products asked for: all of them, that one does not exist, or nothing. */
export type CatalogueAnswer =
  | { readonly kind: "found"; readonly products: readonly PricedProduct[] }
  | { readonly kind: "unknown"; readonly productId: string }
  | { readonly kind: "unavailable" };

/** Asks product-svc. Never throws because product-svc is away, slow or broken: that is the answer "unavailable". */
export interface ProductCatalogue {
  fetch(productIds: readonly string[]): Promise<CatalogueAnswer>;
}

/** What the reads need. They go from rpc/ straight to storage/. */
export interface OrderQueries {
  get(orderId: string): Promise<Order | undefined>;
  /** Up to `limit` orders of a user, newest first, after the order `afterId`. */
  list(query: { userId: string; afterId: string | undefined; limit: number }): Promise<readonly Order[]>;
  /** Up to `limit` entries of an order's timeline, oldest first, after `afterSequence`. */
  timeline(query: { orderId: string; afterSequence: number; limit: number }): Promise<readonly TimelineEntry[]>;
}
