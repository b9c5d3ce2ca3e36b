import type { OrderChange } from "./advance-order.ts";
import type { Order } from "./order.ts";
import { isOpen } from "./order.ts";

/**
 * Where an order goes from what is known about its stock and its money, in whatever order the news came. An order that
 * is confirmed or cancelled stays so.
 */
export function settleOrder(order: Order): OrderChange {
  if (!isOpen(order)) {
    return {};
  }
  // Both are final for the order's stock. A release without a cancellation can only be news from a future that a restored
  // database has forgotten, and must not leave the order waiting.
  if (order.stockState === "REJECTED" || order.stockState === "RELEASED") {
    return { state: "CANCELLED", cancelReason: "OUT_OF_STOCK" };
  }
  if (order.paymentState === "DECLINED" || order.paymentState === "VOIDED") {
    return { state: "CANCELLED", cancelReason: "PAYMENT_DECLINED" };
  }
  if (order.stockState === undefined) {
    return {};
  }
  return { state: order.capturedMinor > 0 ? "CONFIRMED" : "AWAITING_PAYMENT" };
}
