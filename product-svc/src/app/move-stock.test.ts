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
import { createMoveStock, type MoveStock } from "./move-stock.ts";

describe("moveStock", () => {
  let database: Database;
  let moveStock: MoveStock;

  beforeEach(async () => {
    database = await openTestDatabase({ migrations: [migrations] });
    let ids = 0;
    const now = () => 1_000;
    const toOutgoing = createToOutgoing({ newId: () => `event-${++ids}` });
    const products = createProductStore({ database, unitOfWork: createUnitOfWork({ database, now }), toOutgoing, now });
    moveStock = createMoveStock({ products, now });
    for (const next of [aProduct({ id: "cup", available: 5 }), aProduct({ id: "pot", available: 1 })]) {
      await products.create(undefined, () => ({ next, events: [] }));
    }
  });

  afterEach(() => database.close());

  const order = (orderId: string, cups: number, pots: number) => ({
    orderId,
    lines: [
      { productId: "cup", quantity: cups },
      { productId: "pot", quantity: pots },
    ],
  });
  const counts = (id: string) => {
    const product = createProductRows(database).product(id) ?? assert.fail();
    return [product.available, product.held, product.sold];
  };
  const published = () =>
    database.orm
      .select()
      .from(outbox)
      .all()
      .map(({ type }) => type.split(".").at(-1));

  it("moves all lines of an order through hold, sale and release", async () => {
    await moveStock.hold(order("o1", 2, 1), aMessage("m1"));
    assert.deepEqual(
      [counts("cup"), counts("pot")],
      [
        [3, 2, 0],
        [0, 1, 0],
      ],
    );
    await moveStock.sell("o1", aMessage("m2"));
    assert.deepEqual(
      [counts("cup"), counts("pot")],
      [
        [3, 0, 2],
        [0, 0, 1],
      ],
    );
    await moveStock.release("o1", aMessage("m3"));
    assert.deepEqual(
      [counts("cup"), counts("pot")],
      [
        [5, 0, 0],
        [1, 0, 0],
      ],
    );
    assert.deepEqual(published(), ["StockReserved", "StockSold", "StockReleased"]);
  });

  it("gives the last piece to one of those who ask at once", async () => {
    await Promise.all([
      moveStock.hold(order("o1", 1, 1), aMessage("m1")),
      moveStock.hold(order("o2", 1, 1), aMessage("m2")),
    ]);
    assert.deepEqual(
      [counts("cup"), counts("pot")],
      [
        [4, 1, 0],
        [0, 1, 0],
      ],
    );
    assert.deepEqual(published().sort(), ["StockRejected", "StockReserved"]);
  });

  it("does the same message once, also when it comes twice at once", async () => {
    const message = aMessage("m1");
    await Promise.all([moveStock.hold(order("o1", 2, 1), message), moveStock.hold(order("o1", 2, 1), message)]);
    assert.deepEqual(counts("cup"), [3, 2, 0]);
    assert.deepEqual(published(), ["StockReserved"]);
  });

  it("refuses to sell what nothing is held for, claims nothing, and sells at a later try", async () => {
    const message = aMessage("m1");
    await assert.rejects(
      moveStock.sell("o1", message),
      (error) => error instanceof DomainError && error.reason === "NOT_RESERVED",
    );
    await moveStock.hold(order("o1", 2, 1), aMessage("m2"));
    await moveStock.sell("o1", message);
    assert.deepEqual(counts("cup"), [3, 0, 2]);
  });
});
