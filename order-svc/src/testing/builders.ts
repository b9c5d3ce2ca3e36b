import type { IncomingMessage } from "@quartet/chassis/storage/messages";
import type { RequestClaim } from "@quartet/chassis/storage/unit-of-work";
import type { Cause, Moment, Order, Transition } from "../domain/order.ts";
import type { OrderRequest, PricedProduct } from "../domain/place-order.ts";
import { placeOrder } from "../domain/place-order.ts";
import { recordPayment } from "../domain/record-payment.ts";
import { recordStock } from "../domain/record-stock.ts";

/** When the built orders are placed. */
export const placeTime = Date.UTC(2026, 0, 1);

/** A trace id for tests. */
export const testTraceId = "0af7651916cd43dd8448eb211c80319c";

let eventCount = 0;

/** A moment `afterMs` after the built orders were placed, with an event id of its own. */
export function aMoment(afterMs = 0): Moment {
  eventCount += 1;
  return { time: placeTime + afterMs, traceId: testTraceId, eventId: `own-${eventCount}` };
}

/** The arrival of an event of that type, with an id of its own. */
export function aCause(type: string): Cause {
  eventCount += 1;
  return { type, eventId: `heard-${eventCount}` };
}

/** A product that costs 12.99 euros. */
export function aProduct(overrides: Partial<PricedProduct> = {}): PricedProduct {
  return {
    id: "cup",
    version: 1,
    displayName: "Cup",
    price: { currency: "EUR", minorUnits: 1299 },
    archived: false,
    ...overrides,
  };
}

/** A request for two cups. */
export function aRequest(overrides: Partial<OrderRequest> = {}): OrderRequest {
  return { userId: "ada", lines: [{ productId: "cup", quantity: 2 }], paymentToken: "tok_visa", ...overrides };
}

/** The decision to place two cups. */
export function aPlacement(id = "o1", overrides: Partial<OrderRequest> = {}, moment = aMoment()): Transition {
  return placeOrder(id, aRequest(overrides), new Map([["cup", aProduct()]]), moment);
}

/** An order of two cups in PENDING. */
export function aPendingOrder(id = "o1"): Order {
  return aPlacement(id).next;
}

/** An order of two cups whose stock is held. */
export function anAwaitingOrder(id = "o1"): Order {
  return recordStock(aPendingOrder(id), aStockFact("RESERVED", 1), aMoment()).next;
}

/** An order of two cups that is paid. */
export function aConfirmedOrder(id = "o1"): Order {
  return recordPayment(anAwaitingOrder(id), aCapture(2), aMoment()).next;
}

/** News about the stock. */
export function aStockFact(state: "RESERVED" | "REJECTED" | "SOLD" | "RELEASED", version: number) {
  const names = { RESERVED: "Reserved", REJECTED: "Rejected", SOLD: "Sold", RELEASED: "Released" };
  return { cause: aCause(`shop.product.v1.Stock${names[state]}`), state, version };
}

/** News of a capture of two cups. */
export function aCapture(version: number, minorUnits = 2598) {
  const amount = { currency: "EUR", minorUnits };
  return { cause: aCause("shop.payment.v1.PaymentCaptured"), state: "CAPTURED" as const, version, amount };
}

/** News of refunds that come to `minorUnits`. */
export function aRefund(version: number, minorUnits: number) {
  const refunded = { currency: "EUR", minorUnits };
  return { cause: aCause("shop.payment.v1.PaymentRefunded"), state: "REFUNDED" as const, version, refunded };
}

/** News that nothing was captured and nothing will be. */
export function aPaymentEnd(state: "DECLINED" | "VOIDED", version: number) {
  const names = { DECLINED: "Declined", VOIDED: "Voided" };
  return { cause: aCause(`shop.payment.v1.Payment${names[state]}`), state, version };
}

/** A message as the consumer hands it on; its content does not matter to whoever only claims it. */
export function aMessage(id: string, overrides: Partial<IncomingMessage> = {}): IncomingMessage {
  return {
    id,
    type: "shop.test.v1.Heard",
    aggregate: "tests/1",
    version: 1,
    payload: new Uint8Array(),
    time: placeTime,
    redelivered: false,
    ...overrides,
  };
}

/** A claim of a request by ada. */
export function aClaim(requestId: string, hash = "hash"): RequestClaim {
  return { caller: "users/ada", method: "shop.order.v1.OrderService/CreateOrder", requestId, hash };
}
