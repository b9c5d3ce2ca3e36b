import type { Order } from "./order.ts";

/**
 * Whether the stock and the money of an order have come to rest: it is confirmed and its stock sold, or it is cancelled, its
 * stock released and its money question closed. An administrator's refund of a confirmed order does not unsettle it; a
 * cancellation does, until stock and money are back.
 */
export function isSettled(order: Order): boolean {
  switch (order.state) {
    case "PENDING":
    case "AWAITING_PAYMENT":
      return false;
    case "CONFIRMED":
      return order.stockState === "SOLD";
    case "CANCELLED":
      return order.stockState === "RELEASED" && isMoneyClosed(order);
  }
}

// payment-svc answers every cancellation, also where it was never asked for money: as long as it has said nothing, a
// capture may be on its way. What was captured is closed when all of it is back, whichever news came last.
function isMoneyClosed(order: Order): boolean {
  return order.paymentState !== undefined && order.refundedMinor === order.capturedMinor;
}
