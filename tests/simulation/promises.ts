import type { SimulatedShop } from "./shop.ts";

/** What the shop has acknowledged to its callers, and so must keep. */
export interface Promises {
  /** An order was acknowledged to the request of a user. */
  placed(user: string, requestId: string, order: string): void;
  /** An order was acknowledged as cancelled. */
  cancelled(order: string): void;
  /** A refund was accepted. */
  refunded(payment: string, requestId: string): void;
  /** A change of stock was acknowledged; its reason names it. */
  adjusted(reason: string): void;
  /** Every acknowledgement that is not kept yet, in words. Of orders the audit says it. */
  broken(shop: Pick<SimulatedShop, "query">): string[];
  /** Names of the orders that were acknowledged. */
  readonly orders: readonly string[];
}

/** Creates a record of acknowledgements. `violate` is told of two that contradict each other. */
export function createPromises(violate: (what: string) => void): Promises {
  const orders = new Map<string, string>();
  const cancelled = new Set<string>();
  const refunds = new Set<string>();
  const adjustments = new Set<string>();

  return {
    placed(user, requestId, order) {
      const key = `${user} ${requestId}`;
      const earlier = orders.get(key);
      if (earlier !== undefined && earlier !== order) violate(`I8: one request placed ${earlier} and ${order}`);
      orders.set(key, order);
    },
    cancelled: (order) => void cancelled.add(order),
    refunded: (payment, requestId) => void refunds.add(`${payment.replace("payments/", "")}/${requestId}`),
    adjusted: (reason) => void adjustments.add(reason),
    get orders() {
      return [...orders.values()];
    },

    broken(shop) {
      const orderRows = shop.query<{ id: string; state: string }>("order-svc", "SELECT id, state FROM orders");
      const stateOf = new Map(orderRows.map(({ id, state }) => [`orders/${id}`, state]));
      const refundRows = shop.query<{ id: string; state: string }>("payment-svc", "SELECT id, state FROM refunds");
      const refundStates = new Map(refundRows.map(({ id, state }) => [id, state]));
      const adjusted = shop.query<{ reason: string; count: number }>(
        "product-svc",
        "SELECT reason, count(*) AS count FROM stock_adjustments GROUP BY reason",
      );
      const adjustmentCounts = new Map(adjusted.map(({ reason, count }) => [reason, count]));
      return [
        ...[...cancelled]
          .filter((order) => stateOf.get(order) !== "CANCELLED")
          .map((order) => `I1: ${order} was acknowledged as cancelled and is ${stateOf.get(order)}`),
        ...[...refunds]
          .filter((refund) => refundStates.get(refund) !== "DONE")
          .map((refund) => `I1: refund ${refund} was accepted and is ${refundStates.get(refund)}`),
        ...[...adjustments]
          .filter((reason) => adjustmentCounts.get(reason) !== 1)
          .map((reason) => `I8: ${reason} is in the record ${adjustmentCounts.get(reason) ?? 0} times`),
      ];
    },
  };
}
