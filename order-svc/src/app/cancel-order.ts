import { DomainError } from "@quartet/chassis/domain-error";
import { cancelOrder } from "../domain/cancel-order.ts";
import type { Moment, Order } from "../domain/order.ts";
import type { OrderStore } from "./ports.ts";

/** `mayCancel` tells from the order's owner whether the caller may cancel it. */
export type CancelOrder = (orderId: string, mayCancel: (ownerUserId: string) => boolean) => Promise<Order>;

/**
 * Creates the command that cancels an order for its owner; a cancelled one is returned as it is. It throws `not_found`
 * ORDER_NOT_FOUND, also for an order the caller may not cancel, and `failed_precondition` CANCEL_WINDOW_CLOSED.
 */
export function createCancelOrder(deps: {
  orders: Pick<OrderStore, "update">;
  moment: () => Moment;
  cancelWindowMs: number;
}): CancelOrder {
  return (orderId, mayCancel) => {
    const moment = deps.moment();
    return deps.orders.update(orderId, (order) => {
      if (order === undefined || !mayCancel(order.userId)) throw orderNotFound(orderId);
      return cancelOrder(order, deps.cancelWindowMs, moment);
    });
  };
}

/** The error for an order that does not exist. A stranger gets the same for one that does. */
export function orderNotFound(orderId: string): DomainError {
  const name = `orders/${orderId}`;
  return new DomainError("not_found", "ORDER_NOT_FOUND", `${name} does not exist`, { metadata: { order: name } });
}
