import { DomainError } from "@quartet/chassis/domain-error";
import { advanceOrder } from "./advance-order.ts";
import type { Cause, Moment, Order, Transition } from "./order.ts";
import { isOpen, unchanged } from "./order.ts";

/**
 * Cancels an order for its owner: any open one, and a confirmed one until `cancelWindowMs` after it was confirmed. A
 * cancelled one stays as it is. Throws DomainError failed_precondition CANCEL_WINDOW_CLOSED.
 */
export function cancelOrder(order: Order, cancelWindowMs: number, moment: Moment): Transition {
  if (order.state === "CANCELLED") {
    return unchanged(order);
  }
  if (order.state === "CONFIRMED") {
    const closeTime = (order.confirmTime ?? order.updateTime) + cancelWindowMs;
    if (moment.time > closeTime) {
      throw new DomainError("failed_precondition", "CANCEL_WINDOW_CLOSED", "the order was confirmed too long ago", {
        metadata: { order: `orders/${order.id}`, close_time: new Date(closeTime).toISOString() },
      });
    }
  }
  return advanceOrder(order, { state: "CANCELLED", cancelReason: "REQUESTED" }, moment);
}

/**
 * Cancels an order whose step took too long. An order that has left that step meanwhile stays as it is: whatever was
 * committed first wins.
 */
export function expireOrder(order: Order, stepEventId: string, moment: Moment): Transition {
  if (!isOpen(order) || order.step?.eventId !== stepEventId) {
    return unchanged(order);
  }
  return advanceOrder(order, { state: "CANCELLED", cancelReason: "DEADLINE_EXCEEDED" }, moment);
}

/**
 * Cancels an order because its owner's account was deleted, which is the cause. One that is confirmed or cancelled stays as
 * it is: it is in the books.
 */
export function cancelOrderOfDeletedUser(order: Order, cause: Cause, moment: Moment): Transition {
  if (!isOpen(order)) {
    return unchanged(order);
  }
  return advanceOrder(order, { state: "CANCELLED", cancelReason: "USER_DELETED" }, moment, cause);
}
