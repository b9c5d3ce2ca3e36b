/** Where an order stands. A confirmed order can still be cancelled by its owner; a cancelled one stays cancelled. */
export type OrderState = "PENDING" | "AWAITING_PAYMENT" | "CONFIRMED" | "CANCELLED";

/** Why an order was cancelled. */
export type CancelReason = "REQUESTED" | "OUT_OF_STOCK" | "PAYMENT_DECLINED" | "DEADLINE_EXCEEDED" | "USER_DELETED";

/** What was last said about the stock of an order. */
export type StockState = "RESERVED" | "REJECTED" | "SOLD" | "RELEASED";

/** What was last said about the money of an order. */
export type PaymentState = "CAPTURED" | "DECLINED" | "VOIDED" | "REFUNDED";

/** An amount in the smallest unit of its currency, a safe integer. */
export interface Money {
  /** ISO 4217 code. */
  readonly currency: string;
  readonly minorUnits: number;
}

/** One product of an order, at the price of the moment the order was placed. Amounts are in the order's currency. */
export interface OrderLine {
  readonly productId: string;
  readonly productVersion: number;
  readonly displayName: string;
  readonly quantity: number;
  readonly unitPriceMinor: number;
}

/**
 * What an open order waits for: the answer to its own event `eventId`, emitted at `time`. The deadline of the step runs
 * from the moment that event was published.
 */
export interface Step {
  readonly eventId: string;
  readonly time: number;
}

/** An order. Its version counts its changes, and each change is one entry in its timeline. Times are ms since epoch. */
export interface Order {
  readonly id: string;
  readonly userId: string;
  readonly state: OrderState;
  readonly version: number;
  readonly lines: readonly OrderLine[];
  readonly currency: string;
  readonly totalMinor: number;
  /** Nothing or the total. */
  readonly capturedMinor: number;
  readonly refundedMinor: number;
  readonly cancelReason?: CancelReason;
  readonly stockState?: StockState;
  /** Version of the reservation that reported `stockState`; 0 before. */
  readonly stockVersion: number;
  readonly paymentState?: PaymentState;
  /** Version of the payment that reported `paymentState`; 0 before. */
  readonly paymentVersion: number;
  /** Kept while the order is open, gone as soon as it is confirmed or cancelled. */
  readonly paymentToken?: string;
  /** Present while the order is open. */
  readonly step?: Step;
  readonly createTime: number;
  readonly updateTime: number;
  /** When the order was confirmed, also after it was cancelled. */
  readonly confirmTime?: number;
}

interface EventBase {
  /** Id of the event, a UUID. */
  readonly id: string;
  readonly orderId: string;
  /** Version of the order after the event. */
  readonly version: number;
  readonly userId: string;
  readonly time: number;
}

/** An order was placed: its stock can be held. */
export interface OrderPlaced extends EventBase {
  readonly kind: "placed";
  readonly lines: readonly OrderLine[];
  readonly total: Money;
}

/** The stock of an order is held: its money can be captured. */
export interface OrderReadyForPayment extends EventBase {
  readonly kind: "readyForPayment";
  readonly amount: Money;
  readonly paymentToken: string;
}

/** An order is paid: what is held for it is sold. */
export interface OrderConfirmed extends EventBase {
  readonly kind: "confirmed";
  readonly total: Money;
}

/** An order was cancelled: its stock and its money go back. */
export interface OrderCancelled extends EventBase {
  readonly kind: "cancelled";
  readonly reason: CancelReason;
  readonly total: Money;
  readonly placeTime: number;
}

/** What the others learn about an order. */
export type OrderEvent = OrderPlaced | OrderReadyForPayment | OrderConfirmed | OrderCancelled;

/** Full type names of the order's own events, as the timeline and the wire write them. */
export const orderEventTypes: Readonly<Record<OrderEvent["kind"], string>> = {
  placed: "shop.order.v1.OrderPlaced",
  readyForPayment: "shop.order.v1.OrderReadyForPayment",
  confirmed: "shop.order.v1.OrderConfirmed",
  cancelled: "shop.order.v1.OrderCancelled",
};

/** The event that moved an order. */
export interface Cause {
  /** Full type name. */
  readonly type: string;
  readonly eventId: string;
}

/** What a transition needs to know about the world and must not ask itself. */
export interface Moment {
  readonly time: number;
  /** W3C trace id of the work, 32 hexadecimal digits. */
  readonly traceId: string;
  /** Id for the event that the transition may emit. */
  readonly eventId: string;
}

/** One entry in the timeline. The sequence is the order's version after the change, so the entries have no gap. */
export interface TimelineEntry {
  readonly sequence: number;
  readonly state: OrderState;
  readonly cause: Cause;
  readonly time: number;
  readonly traceId: string;
}

/** A decision about an order. Without an entry nothing changed, and there are no events. */
export interface Transition {
  readonly next: Order;
  readonly events: readonly OrderEvent[];
  readonly entry?: TimelineEntry;
}

/** Whether the order still waits for its stock or its payment. */
export function isOpen(order: Order): boolean {
  return order.state === "PENDING" || order.state === "AWAITING_PAYMENT";
}

/** The decision that changes nothing. */
export function unchanged(order: Order): Transition {
  return { next: order, events: [] };
}
