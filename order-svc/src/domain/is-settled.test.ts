import assert from "node:assert/strict";
import { describe, it } from "mocha";
import {
  aCapture,
  aConfirmedOrder,
  aMoment,
  anAwaitingOrder,
  aPaymentEnd,
  aPendingOrder,
  aRefund,
  aStockFact,
} from "../testing/builders.ts";
import { cancelOrder } from "./cancel-order.ts";
import { isSettled } from "./is-settled.ts";
import type { Order, OrderState, PaymentState, StockState } from "./order.ts";
import { recordPayment } from "./record-payment.ts";
import { recordStock } from "./record-stock.ts";

type Step = (order: Order) => Order;

const cancel: Step = (order) => cancelOrder(order, 1000, aMoment()).next;
const stock =
  (state: StockState, version: number): Step =>
  (order) =>
    recordStock(order, aStockFact(state, version), aMoment()).next;
const payment =
  (fact: Parameters<typeof recordPayment>[1]): Step =>
  (order) =>
    recordPayment(order, fact, aMoment()).next;
const capture = payment(aCapture(2));
const refund = (version: number, minorUnits: number) => payment(aRefund(version, minorUnits));
const decline = payment(aPaymentEnd("DECLINED", 2));
const voidPayment = payment(aPaymentEnd("VOIDED", 1));

/** Whether the order is settled after each step, as a row of marks. */
function marks(order: Order, ...steps: Step[]): string {
  let now = order;
  const settled = [order, ...steps.map((step) => (now = step(now)))].map(isSettled);
  return settled.map((is) => (is ? "+" : "-")).join("");
}

describe("isSettled", () => {
  const histories: Readonly<Record<string, readonly [expected: string, order: Order, ...steps: Step[]]>> = {
    "placed, held, paid and sold": ["---+", aPendingOrder(), stock("RESERVED", 1), capture, stock("SOLD", 2)],
    "out of stock": ["---+", aPendingOrder(), stock("REJECTED", 1), stock("RELEASED", 2), voidPayment],
    "out of stock, the payment answering first": [
      "---+",
      aPendingOrder(),
      stock("REJECTED", 1),
      voidPayment,
      stock("RELEASED", 2),
    ],
    declined: ["--+", anAwaitingOrder(), decline, stock("RELEASED", 2)],
    "cancelled before the stock answered": ["---+", aPendingOrder(), cancel, stock("RELEASED", 1), voidPayment],
    "cancelled before the stock answered, which had held it": [
      "----+",
      aPendingOrder(),
      cancel,
      stock("RESERVED", 1),
      voidPayment,
      stock("RELEASED", 2),
    ],
    "cancelled while it was captured": [
      "----+",
      anAwaitingOrder(),
      cancel,
      stock("RELEASED", 2),
      capture,
      refund(3, 2598),
    ],
    "cancelled while it was declined": ["---+", anAwaitingOrder(), cancel, decline, stock("RELEASED", 2)],
    "confirmed, sold and then cancelled": [
      "-+---+",
      aConfirmedOrder(),
      stock("SOLD", 2),
      cancel,
      stock("RELEASED", 3),
      refund(3, 1000),
      refund(4, 2598),
    ],
    "confirmed and cancelled before it was sold": [
      "---+",
      aConfirmedOrder(),
      cancel,
      refund(3, 2598),
      stock("RELEASED", 2),
    ],
    "confirmed, sold and refunded in part and whole by an administrator": [
      "-+++",
      aConfirmedOrder(),
      stock("SOLD", 2),
      refund(3, 1000),
      refund(4, 2598),
    ],
    "refunded in part by an administrator, and then cancelled": [
      "-++--+",
      aConfirmedOrder(),
      stock("SOLD", 2),
      refund(3, 1000),
      cancel,
      stock("RELEASED", 3),
      refund(4, 2598),
    ],
    "refunded whole by an administrator, and then cancelled": [
      "-++-+",
      aConfirmedOrder(),
      stock("SOLD", 2),
      refund(3, 2598),
      cancel,
      stock("RELEASED", 3),
    ],
    "refund before the news of its capture": [
      "----+",
      anAwaitingOrder(),
      cancel,
      stock("RELEASED", 2),
      refund(3, 1000),
      refund(4, 2598),
    ],
    "old news after the end": ["-++", aConfirmedOrder(), stock("SOLD", 2), stock("RESERVED", 1)],
  };
  for (const [history, [expected, order, ...steps]] of Object.entries(histories)) {
    it(`follows an order that was ${history}`, () => {
      assert.equal(marks(order, ...steps), expected);
    });
  }

  it("is true for exactly these combinations", () => {
    const states: OrderState[] = ["PENDING", "AWAITING_PAYMENT", "CONFIRMED", "CANCELLED"];
    const stocks: (StockState | undefined)[] = [undefined, "RESERVED", "REJECTED", "SOLD", "RELEASED"];
    const monies: [state: PaymentState | undefined, capturedMinor: number, refundedMinor: number][] = [
      [undefined, 0, 0],
      ["DECLINED", 0, 0],
      ["VOIDED", 0, 0],
      ["CAPTURED", 2598, 0],
      ["REFUNDED", 2598, 1000],
      ["REFUNDED", 2598, 2598],
      // A refund whose news came before that of its capture leaves the state to the later of the two.
      ["CAPTURED", 2598, 2598],
    ];
    const settled = new Set<string>();
    for (const state of states) {
      for (const stockState of stocks) {
        for (const [paymentState, capturedMinor, refundedMinor] of monies) {
          const order = { ...aPendingOrder(), state, stockState, paymentState, capturedMinor, refundedMinor };
          const money = state === "CONFIRMED" ? "" : ` ${paymentState} ${capturedMinor}-${refundedMinor}`;
          if (isSettled(order)) settled.add(`${state} ${stockState}${money}`);
        }
      }
    }
    assert.deepEqual([...settled].sort(), [
      "CANCELLED RELEASED CAPTURED 2598-2598",
      "CANCELLED RELEASED DECLINED 0-0",
      "CANCELLED RELEASED REFUNDED 2598-2598",
      "CANCELLED RELEASED VOIDED 0-0",
      "CONFIRMED SOLD",
    ]);
  });
});
