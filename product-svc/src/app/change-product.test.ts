import assert from "node:assert/strict";
import { DomainError } from "@quartet/chassis/domain-error";
import type { Database } from "@quartet/chassis/storage/database";
import { outbox } from "@quartet/chassis/storage/schema";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import { afterEach, beforeEach, describe, it } from "mocha";
import { createToOutgoing } from "../events/publish.ts";
import { migrations } from "../migrations.ts";
import { createProductRows } from "../storage/product-rows.ts";
import { createProductStore } from "../storage/product-store.ts";
import { aMessage, aProduct } from "../testing/builders.ts";
import { type ArchiveProduct, createArchiveProduct } from "./archive-product.ts";
import { createMoveStock, type MoveStock } from "./move-stock.ts";
import { createUpdateProduct, type UpdateProduct } from "./update-product.ts";

describe("archiveProduct and updateProduct, the commands", () => {
  let database: Database;
  let archive: ArchiveProduct;
  let update: UpdateProduct;
  let moveStock: MoveStock;

  beforeEach(async () => {
    database = await openTestDatabase({ migrations: [migrations] });
    let ids = 0;
    const now = () => 1_000;
    const toOutgoing = createToOutgoing({ newId: () => `event-${++ids}` });
    const products = createProductStore({ database, unitOfWork: createUnitOfWork({ database, now }), toOutgoing, now });
    archive = createArchiveProduct({ products, now });
    update = createUpdateProduct({ products, now });
    moveStock = createMoveStock({ products, now });
    await products.create(undefined, () => ({ next: aProduct(), events: [] }));
  });
  afterEach(() => database.close());

  const archiveCup = (expectedVersion?: number) => archive({ productId: "cup", expectedVersion });
  const rename = (displayName: string, expectedVersion?: number) =>
    update({ productId: "cup", changes: { displayName }, expectedVersion });
  const order = (orderId: string) => ({ orderId, lines: [{ productId: "cup", quantity: 4 }] });
  const cup = () => createProductRows(database).product("cup") ?? assert.fail();
  const published = () =>
    database.orm
      .select()
      .from(outbox)
      .all()
      .map(({ type, version }) => `${type.split(".").at(-1)} ${version}`);
  const refusal = (reason: string) => (error: unknown) => error instanceof DomainError && error.reason === reason;

  it("know no product that does not exist", async () => {
    const none = { productId: "none", expectedVersion: undefined };
    await assert.rejects(archive(none), refusal("PRODUCT_NOT_FOUND"));
    await assert.rejects(update({ ...none, changes: {} }), refusal("PRODUCT_NOT_FOUND"));
  });

  it("save a change with its event, and nothing without one", async () => {
    assert.deepEqual(await rename("Mug", 1), aProduct({ displayName: "Mug", version: 2, updateTime: 1_000 }));
    await rename("Mug", 2);
    await assert.rejects(rename("Pot", 1), refusal("ETAG_MISMATCH"));
    const archived = await archiveCup(2);
    assert.deepEqual(await archiveCup(2), archived);
    assert.deepEqual(cup(), archived);
    assert.deepEqual(published(), ["ProductUpdated 2", "ProductArchived 3"]);
  });

  it("archive once when several ask at once", async () => {
    const answers = await Promise.all([archiveCup(1), archiveCup(1), archiveCup()]);
    assert.deepEqual(new Set(answers.map(({ version }) => version)), new Set([2]));
    assert.deepEqual(published(), ["ProductArchived 2"]);
  });

  it("leave to an order what it holds when the product is archived right after", async () => {
    await Promise.all([moveStock.hold(order("o1"), aMessage("m1")), archiveCup()]);
    assert.deepEqual(cup(), aProduct({ available: 6, held: 4, state: "ARCHIVED", version: 2, updateTime: 1_000 }));
    await moveStock.sell("o1", aMessage("m2"));
    assert.deepEqual([cup().held, cup().sold], [0, 4]);
    await moveStock.release("o1", aMessage("m3"));
    assert.deepEqual([cup().available, cup().sold, cup().state], [10, 0, "ARCHIVED"]);
    assert.deepEqual(published(), ["StockReserved 1", "ProductArchived 2", "StockSold 2", "StockReleased 3"]);
  });

  it("let no order hold a product that was archived right before", async () => {
    await Promise.all([archiveCup(), moveStock.hold(order("o1"), aMessage("m1"))]);
    assert.deepEqual([cup().available, cup().held], [10, 0]);
    assert.deepEqual(published(), ["ProductArchived 2", "StockRejected 1"]);
  });

  it("neither lose stock nor words when an order and an administrator change a product at once", async () => {
    await Promise.all([rename("Mug"), moveStock.hold(order("o1"), aMessage("m1")), rename("Pot")]);
    assert.deepEqual(cup(), aProduct({ displayName: "Pot", available: 6, held: 4, version: 3, updateTime: 1_000 }));
  });
});
