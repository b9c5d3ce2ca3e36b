import assert from "node:assert/strict";
import type { Database } from "@quartet/chassis/storage/database";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import { afterEach, beforeEach, describe, it } from "mocha";
import type { KnownProduct, ProductReplica } from "../app/ports.ts";
import { migrations } from "../migrations.ts";
import { aMessage, aProduct } from "../testing/builders.ts";
import { createProductReplica } from "./product-replica.ts";

describe("the replica of the products", () => {
  let database: Database;
  let replica: ProductReplica;
  beforeEach(async () => {
    database = await openTestDatabase({ migrations: [migrations] });
    replica = createProductReplica({ database, unitOfWork: createUnitOfWork({ database, now: () => 1 }) });
  });
  afterEach(() => database.close());

  const known = (overrides: Partial<KnownProduct> = {}): KnownProduct => ({
    ...aProduct(),
    confirmTime: 10,
    ...overrides,
  });
  const cup = async () => (await replica.find(["cup"])).get("cup");

  it("returns those products it knows", async () => {
    await replica.confirm([known(), known({ id: "mug", archived: true })]);
    const found = await replica.find(["cup", "mug", "ghost"]);
    assert.deepEqual([...found.keys()].sort(), ["cup", "mug"]);
    assert.deepEqual(found.get("cup"), known());
    assert.equal(found.get("mug")?.archived, true);
  });

  it("takes over a higher version", async () => {
    await replica.confirm([known()]);
    const dearer = known({ version: 2, price: { currency: "EUR", minorUnits: 1500 }, confirmTime: 20 });
    await replica.record(dearer, aMessage("m1"));
    assert.deepEqual(await cup(), dearer);
  });

  it("ignores a lower version, its time included", async () => {
    await replica.confirm([known({ version: 2 })]);
    await replica.record(known({ version: 1, displayName: "Old", confirmTime: 30 }), aMessage("m1"));
    assert.deepEqual(await cup(), known({ version: 2 }));
  });

  it("never makes a product known for longer ago than it was", async () => {
    await replica.confirm([known({ confirmTime: 30 })]);
    await replica.record(known({ version: 2, confirmTime: 20 }), aMessage("m1"));
    assert.deepEqual(await cup(), known({ version: 2, confirmTime: 30 }));
  });

  it("takes over a message once", async () => {
    assert.equal(await replica.record(known(), aMessage("m1")), "done");
    assert.equal(await replica.record(known({ version: 9 }), aMessage("m1")), "duplicate");
    assert.equal((await cup())?.version, 1);
  });
});
