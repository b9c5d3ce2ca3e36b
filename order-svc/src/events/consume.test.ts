import assert from "node:assert/strict";
import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { loadContract } from "@quartet/chassis/contract";
import { consumedTypes, eventCatalog } from "@quartet/chassis/events/catalog";
import {
  PaymentCapturedSchema,
  PaymentDeclinedSchema,
  PaymentRefundedSchema,
  PaymentVoidedSchema,
} from "@quartet/proto/shop/payment/v1/payment_events_pb";
import {
  ProductArchivedSchema,
  ProductCreatedSchema,
  ProductUpdatedSchema,
  StockRejectedSchema,
  StockReleasedSchema,
  StockReservedSchema,
  StockSoldSchema,
} from "@quartet/proto/shop/product/v1/product_events_pb";
import { Product_State } from "@quartet/proto/shop/product/v1/product_pb";
import { UserDeletedSchema } from "@quartet/proto/shop/user/v1/user_events_pb";
import { describe, it } from "mocha";
import { userDeletedType } from "../app/cancel-orders-of-deleted-users.ts";
import { aMessage } from "../testing/builders.ts";
import { createHandlers } from "./consume.ts";

const handlersThat = (tell: (...args: unknown[]) => Promise<"done">) =>
  createHandlers({ recordFacts: { stock: tell, payment: tell }, recordProduct: tell, recordUserDeleted: tell });

/** Hands an event to its handler and returns what the commands were told. */
async function handle<D extends DescMessage>(schema: D, event: MessageInitShape<D>): Promise<unknown> {
  const told: unknown[] = [];
  const handlers = new Map(
    handlersThat(async (...args) => {
      told.push(args.slice(0, -1));
      return "done";
    }),
  );
  const payload = toBinary(schema, create(schema, event));
  await handlers.get(schema.typeName)?.(aMessage("m1", { type: schema.typeName, payload }));
  assert.equal(told.length, 1);
  return told[0];
}

describe("the handlers of events", () => {
  it("are those that the contract asks for", () => {
    const types = handlersThat(async () => "done")
      .map(([type]) => type)
      .sort();
    assert.deepEqual(types, consumedTypes(eventCatalog(loadContract().registry.files), "order-svc"));
  });

  for (const [schema, state] of [
    [StockReservedSchema, "RESERVED"],
    [StockRejectedSchema, "REJECTED"],
    [StockReleasedSchema, "RELEASED"],
    [StockSoldSchema, "SOLD"],
    [PaymentDeclinedSchema, "DECLINED"],
    [PaymentVoidedSchema, "VOIDED"],
  ] as const) {
    it(`read ${schema.name} as ${state}`, async () => {
      assert.deepEqual(await handle(schema, { order: "orders/o1", version: 2n }), ["o1", { state, version: 2 }]);
    });
  }

  it("read the amount of a capture", async () => {
    const amount = { currency: "EUR", minorUnits: 2598n };
    assert.deepEqual(await handle(PaymentCapturedSchema, { order: "orders/o1", version: 2n, amount }), [
      "o1",
      { state: "CAPTURED", version: 2, amount: { currency: "EUR", minorUnits: 2598 } },
    ]);
  });

  it("read the sum of all refunds, not the last one", async () => {
    const amount = { currency: "EUR", minorUnits: 100n };
    const refunded = { currency: "EUR", minorUnits: 300n };
    assert.deepEqual(await handle(PaymentRefundedSchema, { order: "orders/o1", version: 4n, amount, refunded }), [
      "o1",
      { state: "REFUNDED", version: 4, refunded: { currency: "EUR", minorUnits: 300 } },
    ]);
  });

  for (const schema of [ProductCreatedSchema, ProductUpdatedSchema, ProductArchivedSchema]) {
    it(`read the product of ${schema.name}`, async () => {
      const product = {
        name: "products/cup",
        displayName: "Cup",
        price: { currency: "EUR", minorUnits: 1299n },
        state: Product_State.ARCHIVED,
        version: 7n,
      };
      const price = { currency: "EUR", minorUnits: 1299 };
      assert.deepEqual(await handle(schema, { product }), [
        { id: "cup", displayName: "Cup", price, archived: true, version: 7 },
      ]);
    });
  }

  it("read whose account was deleted", async () => {
    assert.deepEqual(await handle(UserDeletedSchema, { user: "users/ada", version: 3n }), ["ada"]);
  });

  it("know the deletion of an account by the name that timelines have for it", () => {
    assert.equal(userDeletedType, UserDeletedSchema.typeName);
  });

  it("refuse an event whose order has no name of an order", async () => {
    await assert.rejects(handle(StockReservedSchema, { order: "carts/1", version: 1n }), { reason: "INVALID_NAME" });
  });
});
