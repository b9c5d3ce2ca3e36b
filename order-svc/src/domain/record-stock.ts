import { advanceOrder } from "./advance-order.ts";
import type { Cause, Moment, Order, StockState, Transition } from "./order.ts";
import { settleOrder } from "./settle-order.ts";

/** News about the stock of an order. */
export interface StockFact {
  readonly cause: Cause;
  readonly state: StockState;
  /** Version of the reservation after it. */
  readonly version: number;
}

/**
 * Records news about the stock of an order and moves the order where that leads. News older than what is known changes
 * only the timeline.
 */
export function recordStock(order: Order, fact: StockFact, moment: Moment): Transition {
  const change = fact.version < order.stockVersion ? {} : { stockState: fact.state, stockVersion: fact.version };
  return advanceOrder(order, { ...change, ...settleOrder({ ...order, ...change }) }, moment, fact.cause);
}
