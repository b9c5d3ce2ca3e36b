import assert from "node:assert/strict";
import type { DomainError } from "@quartet/chassis/domain-error";
import { describe, it } from "mocha";
import { aMoment, aProduct, aRequest } from "../testing/builders.ts";
import { orderEventTypes } from "./order.ts";
import type { OrderRequest, PricedProduct } from "./place-order.ts";
import { orderTotalMaxMinor, placeOrder } from "./place-order.ts";

function place(overrides: Partial<OrderRequest> = {}, products: readonly PricedProduct[] = [aProduct()]) {
  const byId = new Map(products.map((product) => [product.id, product]));
  return placeOrder("o1", aRequest(overrides), byId, aMoment());
}

function refusal(run: () => unknown): DomainError {
  try {
    run();
  } catch (error) {
    return error as DomainError;
  }
  return assert.fail("nothing was refused");
}

describe("placeOrder", () => {
  it("places an order at the prices of the moment", () => {
    const moment = aMoment();
    const { next, events, entry } = placeOrder("o1", aRequest(), new Map([["cup", aProduct({ version: 7 })]]), moment);
    assert.equal(next.state, "PENDING");
    assert.equal(next.version, 1);
    assert.equal(next.totalMinor, 2598);
    assert.deepEqual(next.lines, [
      { productId: "cup", productVersion: 7, displayName: "Cup", quantity: 2, unitPriceMinor: 1299 },
    ]);
    assert.deepEqual(next.step, { eventId: moment.eventId, time: moment.time });
    assert.deepEqual(events, [
      {
        kind: "placed",
        id: moment.eventId,
        orderId: "o1",
        version: 1,
        userId: "ada",
        time: moment.time,
        lines: next.lines,
        total: { currency: "EUR", minorUnits: 2598 },
      },
    ]);
    assert.deepEqual(entry, {
      sequence: 1,
      state: "PENDING",
      cause: { type: orderEventTypes.placed, eventId: moment.eventId },
      time: moment.time,
      traceId: moment.traceId,
    });
  });

  it("accepts the expected total", () => {
    assert.equal(place({ expectedTotal: { currency: "EUR", minorUnits: 2598 } }).next.totalMinor, 2598);
  });

  it("refuses another total than the expected one and names both", () => {
    for (const expectedTotal of [
      { currency: "EUR", minorUnits: 2597 },
      { currency: "USD", minorUnits: 2598 },
    ]) {
      const error = refusal(() => place({ expectedTotal }));
      assert.equal(error.kind, "failed_precondition");
      assert.equal(error.reason, "TOTAL_MISMATCH");
      assert.deepEqual(error.metadata, {
        expected_currency: expectedTotal.currency,
        expected_minor_units: String(expectedTotal.minorUnits),
        total_currency: "EUR",
        total_minor_units: "2598",
      });
    }
  });

  it("refuses a product that stands there twice and names the second line", () => {
    const lines = [
      { productId: "cup", quantity: 1 },
      { productId: "cup", quantity: 2 },
    ];
    const error = refusal(() => place({ lines }));
    assert.equal(error.kind, "invalid");
    assert.equal(error.reason, "DUPLICATE_PRODUCT");
    assert.equal(error.fields[0]?.field, "lines[1].product");
  });

  it("refuses a product that does not exist and names its line", () => {
    const lines = [
      { productId: "cup", quantity: 1 },
      { productId: "ghost", quantity: 1 },
    ];
    const error = refusal(() => place({ lines }));
    assert.equal(error.kind, "invalid");
    assert.equal(error.reason, "UNKNOWN_PRODUCT");
    assert.equal(error.fields[0]?.field, "lines[1].product");
    assert.deepEqual(error.metadata, { product: "products/ghost" });
  });

  it("refuses an archived product", () => {
    const error = refusal(() => place({}, [aProduct({ archived: true })]));
    assert.equal(error.kind, "failed_precondition");
    assert.equal(error.reason, "PRODUCT_ARCHIVED");
    assert.deepEqual(error.metadata, { product: "products/cup" });
  });

  it("refuses products of two currencies", () => {
    const lines = [
      { productId: "cup", quantity: 1 },
      { productId: "mug", quantity: 1 },
    ];
    const mug = aProduct({ id: "mug", price: { currency: "USD", minorUnits: 1 } });
    assert.equal(refusal(() => place({ lines }, [aProduct(), mug])).reason, "MIXED_CURRENCIES");
  });

  it("accepts the largest total and refuses one more", () => {
    const dear = (minorUnits: number) => [aProduct({ price: { currency: "EUR", minorUnits } })];
    const lines = [{ productId: "cup", quantity: 1 }];
    assert.equal(place({ lines }, dear(orderTotalMaxMinor)).next.totalMinor, orderTotalMaxMinor);
    assert.equal(refusal(() => place({ lines }, dear(orderTotalMaxMinor + 1))).reason, "TOTAL_TOO_LARGE");
    const most = [{ productId: "cup", quantity: 1000 }];
    assert.equal(refusal(() => place({ lines: most }, dear(Number.MAX_SAFE_INTEGER))).reason, "TOTAL_TOO_LARGE");
  });

  it("refuses a card number in place of a payment token", () => {
    assert.equal(refusal(() => place({ paymentToken: "x4111111111111111" })).reason, "CARD_NUMBER_REFUSED");
  });
});
