import { expireOrder } from "../domain/cancel-order.ts";
import type { Moment } from "../domain/order.ts";
import { orderNotFound } from "./cancel-order.ts";
import type { OrderStore } from "./ports.ts";

/** Cancels a batch of overdue orders. Resolves with how many it looked at: 0 when none is overdue. */
export type ExpireOrders = () => Promise<number>;

/** Most orders cancelled in one go. */
const expireBatchMax = 100;

/**
 * Creates the command that cancels the orders whose step took longer than `stepDeadlineMs` since its event was published.
 * Everything it needs is in the database, so a restart forgets no deadline, and as long as the broker is away none runs.
 */
export function createExpireOrders(deps: {
  orders: Pick<OrderStore, "overdue" | "update">;
  moment: () => Moment;
  now: () => number;
  stepDeadlineMs: number;
}): ExpireOrders {
  const { orders } = deps;
  return async () => {
    const overdue = await orders.overdue(deps.now() - deps.stepDeadlineMs, expireBatchMax);
    await Promise.all(
      overdue.map(({ orderId, stepEventId }) => {
        const moment = deps.moment();
        return orders.update(orderId, (order) => {
          if (order === undefined) throw orderNotFound(orderId);
          return expireOrder(order, stepEventId, moment);
        });
      }),
    );
    return overdue.length;
  };
}
