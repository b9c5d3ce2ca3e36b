import type { IncomingMessage } from "@quartet/chassis/storage/messages";
import type { MessageResult, RequestClaim } from "@quartet/chassis/storage/unit-of-work";
import type { Order, OrderState, TimelineEntry, Transition } from "../domain/order.ts";
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
   * Saves a new order of the user. The decision learns whether the user's account was deleted. A repeated request returns
   * the order it placed, as it is now; the same request id with other content throws already_exists REQUEST_ID_REUSED. A
   * user's request id is good for one order, for ever.
   */
  place(
    userId: string,
    request: RequestClaim | undefined,
    decide: (isUserDeleted: boolean) => Transition,
  ): Promise<Order>;
  /** The order that a request of the user placed, as it is now. Throws already_exists REQUEST_ID_REUSED. */
  findPlaced(userId: string, request: RequestClaim): Promise<Order | undefined>;
  /** Changes an order and returns it. */
  update(orderId: string, decide: (order: Order | undefined) => Transition): Promise<Order>;
  /** Changes an order by a message. A repeated message does nothing. */
  record(
    orderId: string,
    message: IncomingMessage,
    decide: (order: Order | undefined) => Transition,
  ): Promise<MessageResult>;
  /**
   * Up to `limit` open orders, those that wait longest first, whose step's event the broker confirmed at `before` or
   * earlier, or, by a clock that has been set since, after `after`. An event that is not confirmed is never overdue.
   */
  overdue(sent: { before: number; after: number }, limit: number): Promise<readonly OverdueOrder[]>;
}

/** An open order of a user whose account was deleted, and the id of the event that said so. */
export interface OrderOfDeletedUser {
  readonly orderId: string;
  readonly eventId: string;
}

/**
 * Keeps, for ever, which accounts were deleted. A user in here places no more orders, so that one whose open orders are
 * cancelled is finished.
 */
export interface DeletedUsers {
  /** Records that an account was deleted, by a message. A repeated message does nothing. */
  record(userId: string, message: IncomingMessage): Promise<MessageResult>;
  /** What is left to do: up to `limit` open orders, and up to `limit` unfinished users who have none. */
  unfinished(limit: number): Promise<{
    readonly orders: readonly OrderOfDeletedUser[];
    readonly userIds: readonly string[];
  }>;
  /** Records that no order of these users is open any more. */
  finish(userIds: readonly string[]): Promise<void>;
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
  record(product: KnownProduct, message: IncomingMessage): Promise<MessageResult>;
}

/** What product-svc says about the products asked for: all of them, that one does not exist, or nothing. */
export type CatalogueAnswer =
  | { readonly kind: "found"; readonly products: readonly PricedProduct[] }
  | { readonly kind: "unknown"; readonly productId: string }
  | { readonly kind: "unavailable" };

/** Whether an order can do without the answer, because older prices are known, or not. */
export type PriceNeed = "fresher" | "missing";

/**
 * Asks product-svc. Never throws because product-svc is away, slow or broken: that is the answer "unavailable". It is waited
 * for longer when prices are missing, by a few orders at a time.
 */
export interface ProductCatalogue {
  fetch(productIds: readonly string[], need: PriceNeed): Promise<CatalogueAnswer>;
}

/** What the reads need. They go from rpc/ straight to storage/. */
export interface OrderQueries {
  get(orderId: string): Promise<Order | undefined>;
  /** Up to `limit` orders, newest first, after the order `afterId`; of one user and in one state where these are given. */
  list(query: {
    userId?: string;
    state?: OrderState;
    afterId: string | undefined;
    limit: number;
  }): Promise<readonly Order[]>;
  /** Up to `limit` entries of an order's timeline, oldest first, after `afterSequence`. */
  timeline(query: { orderId: string; afterSequence: number; limit: number }): Promise<readonly TimelineEntry[]>;
  /** An order and up to `limit` entries of its timeline after `afterSequence`, both as they were at one moment. */
  progress(query: { orderId: string; afterSequence: number; limit: number }): Promise<{
    readonly order: Order | undefined;
    readonly entries: readonly TimelineEntry[];
  }>;
  /** The last sequence in the timeline of each of the orders that exist: one query, however many they are. */
  lastSequences(orderIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
}

/** One reader who follows an order. It holds a place until it is closed, which may happen more than once. */
export interface TimelineWatch {
  /**
   * Resolves when the timeline may have an entry after `lastSequence`, the last one the reader has seen, and after
   * `timeoutMs` in any case. Rejects with the signal's reason as soon as it is aborted.
   */
  changed(wait: { lastSequence: number; timeoutMs: number; signal: AbortSignal }): Promise<void>;
  close(): void;
}

/** Tells those who follow an order of its changes: those that this process commits at once, any other within a second. */
export interface TimelineWatches {
  /** Opens a watch of an order for a user. Throws resource_exhausted TOO_MANY_WATCHES. */
  open(orderId: string, userId: string): TimelineWatch;
}
