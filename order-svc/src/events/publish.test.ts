import assert from "node:assert/strict";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import {
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderPlacedSchema,
  OrderReadyForPaymentSchema,
} from "@quartet/proto/shop/order/v1/order_events_pb";
import { describe, it } from "mocha";
import { cancelOrder } from "../domain/cancel-order.ts";
import { type OrderEvent, orderEventTypes, type Transition } from "../domain/order.ts";
import { recordPayment } from "../domain/record-payment.ts";
import { recordStock } from "../domain/record-stock.ts";
import { aCapture, aMoment, anAwaitingOrder, aPendingOrder, aPlacement, aStockFact } from "../testing/builders.ts";
import { toOutgoing } from "./publish.ts";

function onlyEvent({ events }: Transition): OrderEvent {
  assert.equal(events.length, 1);
  return events[0] ?? assert.fail();
}

const base = { order: "orders/o1", user: "users/ada" };
const total = { currency: "EUR", minorUnits: "2598" };
const time = "2026-01-01T00:00:00Z";
const cases = [
  {
    transition: aPlacement(),
    schema: OrderPlacedSchema,
    message: {
      ...base,
      version: "1",
      lines: [
        {
          product: "products/cup",
          productVersion: "1",
          displayName: "Cup",
          quantity: 2,
          unitPrice: { currency: "EUR", minorUnits: "1299" },
        },
      ],
      total,
      placeTime: time,
    },
  },
  {
    transition: recordStock(aPendingOrder(), aStockFact("RESERVED", 1), aMoment()),
    schema: OrderReadyForPaymentSchema,
    message: { ...base, version: "2", amount: total, paymentToken: "tok_visa", readyTime: time },
  },
  {
    transition: recordPayment(anAwaitingOrder(), aCapture(2), aMoment()),
    schema: OrderConfirmedSchema,
    message: { ...base, version: "3", total, confirmTime: time },
  },
  {
    transition: cancelOrder(aPendingOrder(), 0, aMoment()),
    schema: OrderCancelledSchema,
    message: { ...base, version: "2", reason: "CANCEL_REASON_REQUESTED", cancelTime: time, total, placeTime: time },
  },
] as const;

describe("toOutgoing", () => {
  for (const { transition, schema, message } of cases) {
    it(`writes ${schema.name} as the contract has it`, () => {
      const event = onlyEvent(transition);
      const outgoing = toOutgoing(event);
      assert.equal(outgoing.id, event.id);
      assert.equal(outgoing.type, schema.typeName);
      assert.equal(outgoing.aggregate, "orders/o1");
      assert.equal(outgoing.version, event.version);
      assert.deepEqual(toJson(schema, fromBinary(schema, outgoing.payload)), message);
    });

    it(`names ${schema.name} as the timeline does`, () => {
      const event = onlyEvent(transition);
      assert.equal(orderEventTypes[event.kind], schema.typeName);
    });
  }
});
