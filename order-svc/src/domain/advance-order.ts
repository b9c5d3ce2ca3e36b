import type { Cause, Moment, Order, OrderEvent, Transition } from "./order.ts";
import { isOpen, orderEventTypes } from "./order.ts";

/** What a fact or a call may change. Everything else follows from it. */
export type OrderChange = Partial<
  Pick<
    Order,
    | "state"
    | "cancelReason"
    | "stockState"
    | "stockVersion"
    | "paymentState"
    | "paymentVersion"
    | "capturedMinor"
    | "refundedMinor"
  >
>;

/**
 * Makes the next version of an order with its entry in the timeline. A change of state emits the event of the new state,
 * which is also the cause where no other is given. The clock of an order never goes back.
 */
export function advanceOrder(order: Order, change: OrderChange, moment: Moment, cause?: Cause): Transition {
  const time = Math.max(order.updateTime, moment.time);
  const moved = change.state !== undefined && change.state !== order.state;
  const changed: Order = { ...order, ...change, version: order.version + 1, updateTime: time };
  const next = moved ? enter(changed, { eventId: moment.eventId, time }) : changed;
  const event = moved ? eventOf(next, moment.eventId) : undefined;
  const entryCause = cause ?? (event && { type: orderEventTypes[event.kind], eventId: event.id });
  if (entryCause === undefined) {
    throw new Error(`a change of ${order.id} that moves nothing needs a cause`);
  }
  return {
    next,
    events: event ? [event] : [],
    entry: { sequence: next.version, state: next.state, cause: entryCause, time, traceId: moment.traceId },
  };
}

function enter(order: Order, step: { eventId: string; time: number }): Order {
  if (isOpen(order)) {
    return { ...order, step };
  }
  const closed = { ...order, step: undefined, paymentToken: undefined };
  return order.state === "CONFIRMED" ? { ...closed, confirmTime: step.time } : closed;
}

/** The event that an order emits when it enters the state it is in. */
export function eventOf(order: Order, eventId: string): OrderEvent {
  const { id: orderId, version, userId, updateTime: time } = order;
  const base = { id: eventId, orderId, version, userId, time };
  const total = { currency: order.currency, minorUnits: order.totalMinor };
  switch (order.state) {
    case "PENDING":
      return { ...base, kind: "placed", lines: order.lines, total };
    case "AWAITING_PAYMENT":
      return { ...base, kind: "readyForPayment", amount: total, paymentToken: required(order.paymentToken) };
    case "CONFIRMED":
      return { ...base, kind: "confirmed", total };
    case "CANCELLED":
      return { ...base, kind: "cancelled", reason: required(order.cancelReason), total, placeTime: order.createTime };
  }
}

function required<T>(value: T | undefined): T {
  if (value === undefined) {
    throw new Error("an order lacks what its state demands");
  }
  return value;
}
