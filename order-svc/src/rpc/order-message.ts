import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { toName } from "@quartet/chassis/resource-name";
import { toEtag } from "@quartet/chassis/rpc/etag";
import { type Money as MoneyMessage, MoneySchema } from "@quartet/proto/shop/money/v1/money_pb";
import {
  Order_CancelReason,
  Order_PaymentState,
  Order_State,
  Order_StockState,
  type OrderEvent as OrderEventMessage,
  OrderEventSchema,
  type OrderLine as OrderLineMessage,
  OrderLineSchema,
  type Order as OrderMessage,
  OrderSchema,
} from "@quartet/proto/shop/order/v1/order_pb";
import type {
  CancelReason,
  Money,
  Order,
  OrderLine,
  OrderState,
  PaymentState,
  StockState,
  TimelineEntry,
} from "../domain/order.ts";

const states: Readonly<Record<OrderState, Order_State>> = {
  PENDING: Order_State.PENDING,
  AWAITING_PAYMENT: Order_State.AWAITING_PAYMENT,
  CONFIRMED: Order_State.CONFIRMED,
  CANCELLED: Order_State.CANCELLED,
};

/** Returns the state in a message; undefined where it names none. */
export function fromStateMessage(message: Order_State): OrderState | undefined {
  const names = Object.keys(states) as OrderState[];
  return names.find((state) => states[state] === message);
}

/** Reasons of a cancellation, as the contract writes them. */
export const cancelReasons: Readonly<Record<CancelReason, Order_CancelReason>> = {
  REQUESTED: Order_CancelReason.REQUESTED,
  OUT_OF_STOCK: Order_CancelReason.OUT_OF_STOCK,
  PAYMENT_DECLINED: Order_CancelReason.PAYMENT_DECLINED,
  DEADLINE_EXCEEDED: Order_CancelReason.DEADLINE_EXCEEDED,
  USER_DELETED: Order_CancelReason.USER_DELETED,
};

const stockStates: Readonly<Record<StockState, Order_StockState>> = {
  RESERVED: Order_StockState.RESERVED,
  REJECTED: Order_StockState.REJECTED,
  SOLD: Order_StockState.SOLD,
  RELEASED: Order_StockState.RELEASED,
};

const paymentStates: Readonly<Record<PaymentState, Order_PaymentState>> = {
  CAPTURED: Order_PaymentState.CAPTURED,
  DECLINED: Order_PaymentState.DECLINED,
  VOIDED: Order_PaymentState.VOIDED,
  REFUNDED: Order_PaymentState.REFUNDED,
};

/** Returns the message of an order. Its payment token is nobody's business. */
export function toOrderMessage(order: Order): OrderMessage {
  const money = (minorUnits: number) => toMoneyMessage({ currency: order.currency, minorUnits });
  return create(OrderSchema, {
    name: toName("orders", order.id),
    user: toName("users", order.userId),
    state: states[order.state],
    lines: order.lines.map((line) => toLineMessage(line, order.currency)),
    total: money(order.totalMinor),
    captured: money(order.capturedMinor),
    refunded: money(order.refundedMinor),
    cancelReason: order.cancelReason && cancelReasons[order.cancelReason],
    stockState: order.stockState && stockStates[order.stockState],
    paymentState: order.paymentState && paymentStates[order.paymentState],
    createTime: timestampFromMs(order.createTime),
    updateTime: timestampFromMs(order.updateTime),
    etag: toEtag(order.version),
  });
}

/** Returns the message of one line of an order in `currency`. */
export function toLineMessage(line: OrderLine, currency: string): OrderLineMessage {
  return create(OrderLineSchema, {
    product: toName("products", line.productId),
    productVersion: BigInt(line.productVersion),
    displayName: line.displayName,
    quantity: line.quantity,
    unitPrice: toMoneyMessage({ currency, minorUnits: line.unitPriceMinor }),
  });
}

/** Returns the message of an entry in the timeline of the order `orderId`. */
export function toOrderEventMessage(orderId: string, entry: TimelineEntry): OrderEventMessage {
  return create(OrderEventSchema, {
    name: `${toName("orders", orderId)}/events/${entry.sequence}`,
    sequence: BigInt(entry.sequence),
    state: states[entry.state],
    cause: entry.cause.type,
    eventId: entry.cause.eventId,
    recordTime: timestampFromMs(entry.time),
    traceId: entry.traceId,
  });
}

/** Returns the message of an amount. */
export function toMoneyMessage({ currency, minorUnits }: Money): MoneyMessage {
  return create(MoneySchema, { currency, minorUnits: BigInt(minorUnits) });
}

/** Returns the amount in a message; nothing in no currency when it is missing. */
export function fromMoneyMessage(message: MoneyMessage | undefined): Money {
  return { currency: message?.currency ?? "", minorUnits: Number(message?.minorUnits ?? 0) };
}
