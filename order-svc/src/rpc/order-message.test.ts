import assert from "node:assert/strict";
import { emptyFields } from "@quartet/chassis/testing/empty-fields";
import { OrderEventSchema, OrderLineSchema, OrderSchema } from "@quartet/proto/shop/order/v1/order_pb";
import { describe, it } from "mocha";
import { cancelOrder } from "../domain/cancel-order.ts";
import { aConfirmedOrder, aMoment } from "../testing/builders.ts";
import { toOrderEventMessage, toOrderMessage } from "./order-message.ts";

describe("toOrderMessage", () => {
  it("leaves out no field of the contract, for an order that has them all", () => {
    const message = toOrderMessage(cancelOrder(aConfirmedOrder(), 1000, aMoment()).next);
    assert.deepEqual(emptyFields(OrderSchema, message), []);
    for (const line of message.lines) assert.deepEqual(emptyFields(OrderLineSchema, line), []);
  });
});

describe("toOrderEventMessage", () => {
  it("leaves out no field of the contract", () => {
    const { next, entry } = cancelOrder(aConfirmedOrder(), 1000, aMoment());
    assert.ok(entry !== undefined);
    assert.deepEqual(emptyFields(OrderEventSchema, toOrderEventMessage(next.id, entry)), []);
  });
});
