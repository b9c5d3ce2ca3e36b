import assert from "node:assert/strict";
import { DomainError } from "@quartet/chassis/domain-error";
import type { Database } from "@quartet/chassis/storage/database";
import { outbox } from "@quartet/chassis/storage/schema";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import { afterEach, beforeEach, describe, it } from "mocha";
import type { Product } from "../domain/product.ts";
import { createToOutgoing } from "../events/publish.ts";
import { migrations } from "../migrations.ts";
import { createProductRows } from "../storage/product-rows.ts";
import { createProductStore } from "../storage/product-store.ts";
import { type AdjustStock, createAdjustStock } from "./adjust-stock.ts";
import { createCreateProduct } from "./create-product.ts";

describe("adjustStock, the command", () => {
  let database: Database;
  let adjust: AdjustStock;
  let cup: Product;

  beforeEach(async () => {
    database = await openTestDatabase({ migrations: [migrations] });
    let ids = 0;
    const [now, newId] = [() => 1_000, () => `id-${++ids}`];
    const unitOfWork = createUnitOfWork({ database, now });
    const products = createProductStore({ database, unitOfWork, toOutgoing: createToOutgoing({ newId }), now });
    adjust = createAdjustStock({ products, now });
    const price = { currency: "EUR", minorUnits: 1299 };
    const described = { displayName: "Cup", description: "", category: "kitchen" };
    cup = await createCreateProduct({ products, now, newId })({ ...described, price, initialQuantity: 10 }, undefined);
  });

  afterEach(() => database.close());

  const request = (requestId: string) => ({ caller: "users/root", method: "AdjustStock", requestId, hash: requestId });
  const stored = () => createProductRows(database).product(cup.id);
  const eventCount = () => database.orm.select().from(outbox).all().length;
  const refusal = (reason: string) => (error: unknown) => error instanceof DomainError && error.reason === reason;

  it("has its effect once for a request, also when it is repeated at once", async () => {
    const input = { productId: cup.id, quantityDelta: 5, reason: "count" };
    const answers = await Promise.all([adjust(input, request("r1")), adjust(input, request("r1"))]);
    assert.deepEqual(
      answers.map(({ available }) => available),
      [15, 15],
    );
    assert.equal(stored()?.available, 15);
    assert.equal(eventCount(), 2);
  });

  it("knows no product that does not exist", async () => {
    const input = { productId: "none", quantityDelta: 5, reason: "" };
    await assert.rejects(adjust(input, request("r1")), refusal("PRODUCT_NOT_FOUND"));
  });

  it("takes the last piece and no more, however many ask at once", async () => {
    const input = { productId: cup.id, quantityDelta: -4, reason: "broken" };
    const asked = ["r1", "r2", "r3"].map((id) => adjust(input, request(id)));
    const results = await Promise.allSettled(asked);
    assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "fulfilled", "rejected"]);
    await assert.rejects(asked[2] ?? assert.fail(), refusal("INSUFFICIENT_STOCK"));
    assert.equal(stored()?.available, 2);
    assert.equal(eventCount(), 3);
  });
});
