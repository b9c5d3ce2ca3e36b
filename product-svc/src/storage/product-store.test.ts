import assert from "node:assert/strict";
import { DomainError } from "@quartet/chassis/domain-error";
import type { Database } from "@quartet/chassis/storage/database";
import { outbox } from "@quartet/chassis/storage/schema";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { assertSchemaMatches } from "@quartet/chassis/testing/schema-check";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import { afterEach, beforeEach, describe, it } from "mocha";
import type { ProductStore } from "../app/ports.ts";
import { adjustStock } from "../domain/product.ts";
import { holdStock, releaseStock, sellStock } from "../domain/reservation.ts";
import { updateProduct } from "../domain/update-product.ts";
import { createToOutgoing } from "../events/publish.ts";
import { migrations } from "../migrations.ts";
import { aMessage, aProduct } from "../testing/builders.ts";
import { createProductRows } from "./product-rows.ts";
import { createProductStore } from "./product-store.ts";
import * as schema from "./schema.ts";

describe("the product store", () => {
  let database: Database;
  let store: ProductStore;
  let rows: ReturnType<typeof createProductRows>;

  beforeEach(async () => {
    database = await openTestDatabase({ migrations: [migrations] });
    let eventCount = 0;
    const toOutgoing = createToOutgoing({ newId: () => `event-${++eventCount}` });
    const now = () => 7;
    store = createProductStore({ database, unitOfWork: createUnitOfWork({ database, now }), toOutgoing, now });
    rows = createProductRows(database);
  });

  afterEach(() => database.close());

  const claim = (requestId: string, hash = "h") => ({ caller: "users/admin", method: "Test", requestId, hash });
  const create = (changes = {}, requestId?: string) => {
    const product = aProduct(changes);
    return store.create(requestId === undefined ? undefined : claim(requestId), () => ({
      next: product,
      events: [{ kind: "created", product }],
    }));
  };
  const published = () =>
    database.orm
      .select()
      .from(outbox)
      .all()
      .map((row) => row.type.replace("shop.product.v1.", ""));
  const adjustments = () => database.orm.select().from(schema.stockAdjustments).all();
  const order = { orderId: "o1", lines: [{ productId: "cup", quantity: 3 }] };
  const hold = (messageId: string) =>
    store.moveStock("o1", ["cup"], aMessage(messageId), (reservation, products) =>
      holdStock(reservation, order, products, 1),
    );

  it("has the tables that the schema describes", () => {
    assertSchemaMatches(database, schema);
  });

  it("has the search table, and the triggers that keep it", () => {
    const made = database.sqlite.prepare("SELECT type, name, sql FROM sqlite_schema WHERE name LIKE 'product_search%'");
    const found = made.all() as { type: string; name: string; sql: string }[];
    assert.deepEqual(
      found.filter(({ type }) => type === "trigger").map(({ name }) => name),
      ["product_search_insert", "product_search_update", "product_search_delete"],
    );
    const table = found.find(({ name }) => name === "product_search")?.sql ?? "";
    assert.match(table, /USING fts5 \(\s*display_name,\s*description,\s*category,/);
    assert.match(table, /unicode61 remove_diacritics 2/);
  });

  it("moves stock without touching what is said, nor any index or trigger", async () => {
    await create();
    const changed = aProduct({ available: 4, held: 6, displayName: "Never", version: 9, state: "ARCHIVED" });
    await store.moveStock("o1", ["cup"], aMessage("m1"), () => ({
      next: { orderId: "o1", state: "HELD", lines: order.lines, version: 1 },
      products: [changed],
      events: [],
    }));
    assert.deepEqual(rows.product("cup"), aProduct({ available: 4, held: 6 }));
  });

  it("updates by what is decided, with its event, and writes nothing for a decision that changes nothing", async () => {
    await create();
    const updated = await store.update("cup", (product) =>
      updateProduct(product ?? assert.fail(), { displayName: "Mug", price: { currency: "USD", minorUnits: 5 } }, 1, 9),
    );
    assert.deepEqual(rows.product("cup"), updated);
    const changes = database.sqlite.prepare("SELECT total_changes()").pluck();
    const before = changes.get();
    assert.deepEqual(
      await store.update("cup", (product) => updateProduct(product ?? assert.fail(), {}, 2, 10)),
      updated,
    );
    assert.equal(changes.get(), before);
    assert.deepEqual(published(), ["ProductCreated", "ProductUpdated"]);
  });

  it("saves a product, its first stock and its event together", async () => {
    const product = await create();
    assert.deepEqual(rows.product("cup"), product);
    assert.deepEqual(adjustments(), [
      { seq: 1, productId: "cup", quantityDelta: 10, reason: "initial stock", createTime: 7 },
    ]);
    assert.deepEqual(published(), ["ProductCreated"]);
  });

  it("creates a product once for a request and returns it as it is now", async () => {
    await create({}, "r1");
    await store.adjust("cup", { reason: "count" }, undefined, (product) => adjustStock(product ?? aProduct(), 5, 1));
    const repeated = await create({ id: "other" }, "r1");
    assert.deepEqual([repeated.id, repeated.available], ["cup", 15]);
    assert.equal(rows.product("other"), undefined);
    assert.deepEqual(published(), ["ProductCreated", "ProductUpdated"]);
  });

  it("adjusts once for a request, and refuses its id for another request", async () => {
    await create();
    const adjust = (hash: string) =>
      store.adjust("cup", { reason: "count" }, claim("r1", hash), (product) =>
        adjustStock(product ?? aProduct(), 5, 1),
      );
    await adjust("h");
    assert.equal((await adjust("h")).available, 15);
    await assert.rejects(
      adjust("other"),
      (error) => error instanceof DomainError && error.reason === "REQUEST_ID_REUSED",
    );
    assert.equal(rows.product("cup")?.available, 15);
    assert.equal(adjustments().length, 2);
  });

  it("leaves nothing behind of a decision that throws", async () => {
    await create();
    const refused = store.adjust("cup", { reason: "" }, claim("r1"), (product) =>
      adjustStock(product ?? aProduct(), -11, 1),
    );
    await assert.rejects(refused, DomainError);
    assert.equal(rows.product("cup")?.available, 10);
    assert.deepEqual(published(), ["ProductCreated"]);
    // The request was not claimed either: a corrected repetition has its effect.
    await store.adjust("cup", { reason: "" }, claim("r1", "corrected"), (product) =>
      adjustStock(product ?? aProduct(), -10, 1),
    );
    assert.equal(rows.product("cup")?.available, 0);
  });

  it("holds, sells and releases the stock of an order, each message once", async () => {
    await create();
    assert.deepEqual([await hold("m1"), await hold("m1"), await hold("m2")], ["done", "duplicate", "done"]);
    assert.deepEqual(rows.product("cup"), aProduct({ available: 7, held: 3 }));
    assert.deepEqual(rows.reservation("o1"), { orderId: "o1", state: "HELD", lines: order.lines, version: 1 });

    await store.moveStock("o1", [], aMessage("m3"), (found, products) => sellStock(found, "o1", products, 1));
    assert.deepEqual(rows.product("cup"), aProduct({ available: 7, sold: 3 }));

    await store.moveStock("o1", [], aMessage("m4"), (found, products) => releaseStock(found, "o1", products, 1));
    assert.deepEqual(rows.product("cup"), aProduct());
    assert.deepEqual(rows.reservation("o1"), { orderId: "o1", state: "RELEASED", lines: [], version: 3 });
    assert.deepEqual(published(), ["ProductCreated", "StockReserved", "StockSold", "StockReleased"]);
  });

  it("keeps a tombstone for an order that is released first", async () => {
    await create();
    await store.moveStock("o1", [], aMessage("m1"), (found, products) => releaseStock(found, "o1", products, 1));
    await hold("m2");
    assert.deepEqual(rows.product("cup"), aProduct());
    assert.deepEqual(published(), ["ProductCreated", "StockReleased"]);
  });

  it("cannot go below zero, whatever the code does", async () => {
    await create();
    for (const column of ["available", "held", "sold"]) {
      const statement = database.sqlite.prepare(`UPDATE products SET ${column} = -1`);
      assert.throws(() => statement.run(), /CHECK constraint failed/);
    }
  });
});
