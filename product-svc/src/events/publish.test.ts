import assert from "node:assert/strict";
import { type DescMessage, fromBinary, toJson } from "@bufbuild/protobuf";
import {
  ProductArchivedSchema,
  ProductCreatedSchema,
  ProductUpdatedSchema,
  StockRejectedSchema,
  StockReleasedSchema,
  StockReservedSchema,
  StockSoldSchema,
} from "@quartet/proto/shop/product/v1/product_events_pb";
import { describe, it } from "mocha";
import type { ProductEvent } from "../domain/product.ts";
import type { StockEvent } from "../domain/reservation.ts";
import { aProduct } from "../testing/builders.ts";
import { createToOutgoing } from "./publish.ts";

const product = aProduct({ version: 3, createTime: 1_000, updateTime: 2_000 });
const productMessage = {
  name: "products/cup",
  displayName: "Cup",
  description: "Holds tea.",
  category: "kitchen",
  price: { currency: "EUR", minorUnits: "1299" },
  availableQuantity: 10,
  state: "STATE_ACTIVE",
  version: "3",
  createTime: "1970-01-01T00:00:01Z",
  updateTime: "1970-01-01T00:00:02Z",
  etag: '"3"',
};
const fact = { orderId: "o1", version: 3, time: 1_000 };
const base = { order: "orders/o1", version: "3" };
const time = "1970-01-01T00:00:01Z";
const shortages = [
  { productId: "cup", requested: 2, available: 1, reason: "INSUFFICIENT_STOCK" },
  { productId: "pot", requested: 1, available: 5, reason: "PRODUCT_ARCHIVED" },
  { productId: "pan", requested: 1, available: 0, reason: "PRODUCT_NOT_FOUND" },
] as const;

/** One for each kind: a new kind does not compile before it is here. */
const cases: Record<
  (ProductEvent | StockEvent)["kind"],
  { event: ProductEvent | StockEvent; schema: DescMessage; aggregate: string; message: Record<string, unknown> }
> = {
  created: {
    event: { kind: "created", product },
    schema: ProductCreatedSchema,
    aggregate: "products/cup",
    message: { product: productMessage },
  },
  updated: {
    event: { kind: "updated", product },
    schema: ProductUpdatedSchema,
    aggregate: "products/cup",
    message: { product: productMessage },
  },
  archived: {
    event: { kind: "archived", product: { ...product, state: "ARCHIVED" } },
    schema: ProductArchivedSchema,
    aggregate: "products/cup",
    message: { product: { ...productMessage, state: "STATE_ARCHIVED" } },
  },
  reserved: {
    event: { ...fact, kind: "reserved" },
    schema: StockReservedSchema,
    aggregate: "reservations/o1",
    message: { ...base, reserveTime: time },
  },
  rejected: {
    event: { ...fact, kind: "rejected", shortages },
    schema: StockRejectedSchema,
    aggregate: "reservations/o1",
    message: {
      ...base,
      shortages: [
        {
          product: "products/cup",
          requestedQuantity: 2,
          availableQuantity: 1,
          reason: "REASON_INSUFFICIENT_STOCK",
        },
        { product: "products/pot", requestedQuantity: 1, availableQuantity: 5, reason: "REASON_PRODUCT_ARCHIVED" },
        { product: "products/pan", requestedQuantity: 1, reason: "REASON_PRODUCT_NOT_FOUND" },
      ],
      rejectTime: time,
    },
  },
  released: {
    event: { ...fact, kind: "released" },
    schema: StockReleasedSchema,
    aggregate: "reservations/o1",
    message: { ...base, releaseTime: time },
  },
  sold: {
    event: { ...fact, kind: "sold" },
    schema: StockSoldSchema,
    aggregate: "reservations/o1",
    message: { ...base, sellTime: time },
  },
};

describe("toOutgoing", () => {
  const toOutgoing = createToOutgoing({ newId: () => "event-1" });
  for (const [kind, { event, schema, aggregate, message }] of Object.entries(cases)) {
    it(`writes ${schema.name} as the contract has it`, () => {
      assert.equal(event.kind, kind);
      const { payload, ...outgoing } = toOutgoing(event);
      assert.deepEqual(outgoing, { id: "event-1", type: schema.typeName, aggregate, version: 3 });
      assert.deepEqual(toJson(schema, fromBinary(schema, payload)), message);
    });
  }
});
