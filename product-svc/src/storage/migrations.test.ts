import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Database, openDatabase } from "@quartet/chassis/storage/database";
import { chassisMigrations, migrate } from "@quartet/chassis/storage/migrate";
import { afterEach, beforeEach, describe, it } from "mocha";
import { migrations } from "../migrations.ts";
import { createProductQueries } from "./product-queries.ts";
import { createProductRows } from "./product-rows.ts";

const first = "0000_products.sql";

// As the first version wrote them.
const insertProduct = (id: string, name: string, state: string, time: number) =>
  `INSERT INTO products (id, display_name, description, category, currency, price_minor, available, held, sold, state,
     version, create_time, update_time)
   VALUES ('${id}', '${name}', 'Holds tea.', 'kitchen', 'EUR', 1299, 7, 2, 1, '${state}', 3, ${time}, 9)`;

describe("the upgrade of a database of the first version", () => {
  let folder: string;
  let database: Database;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "product-svc-"));
    copyFileSync(join(fileURLToPath(migrations.folder), first), join(folder, first));
    database = openDatabase({ file: join(folder, "test.sqlite") });
    await migrate(database, [chassisMigrations, { name: migrations.name, folder }]);
    for (const [id, name, state, time] of [
      ["p3", "Zuckerdose", "ACTIVE", 3],
      ["p1", "Öllampe", "ACTIVE", 1],
      ["p2", "Old lamp", "ARCHIVED", 2],
      ["p4", "Pan", "ACTIVE", 4],
    ] as const) {
      database.sqlite.exec(insertProduct(id, name, state, time));
    }
    database.sqlite.exec(
      `INSERT INTO stock_adjustments (product_id, quantity_delta, reason, create_time) VALUES ('p1', 10, '', 1);
       INSERT INTO reservations (order_id, state, version, create_time, update_time) VALUES ('o1', 'HELD', 1, 1, 1);
       INSERT INTO reservation_lines (order_id, product_id, quantity) VALUES ('o1', 'p1', 2)`,
    );
  });
  afterEach(async () => {
    await database.close();
    rmSync(folder, { recursive: true });
  });

  const upgrade = () => migrate(database, [chassisMigrations, migrations]);
  const listed = async (search: string, by: "create_time" | "display_name") => {
    const query = { category: "", search, price: undefined, order: { by, descending: false } };
    const found = await createProductQueries({ database }).list(query, undefined, 10);
    return found.map(({ product }) => product.id);
  };

  it("keeps every product, its stock and what refers to it", async () => {
    await upgrade();
    assert.deepEqual(createProductRows(database).product("p2"), {
      id: "p2",
      displayName: "Old lamp",
      description: "Holds tea.",
      category: "kitchen",
      price: { currency: "EUR", minorUnits: 1299 },
      available: 7,
      held: 2,
      sold: 1,
      state: "ARCHIVED",
      version: 3,
      createTime: 2,
      updateTime: 9,
    });
    assert.deepEqual(createProductRows(database).reservation("o1")?.lines, [{ productId: "p1", quantity: 2 }]);
    assert.equal(database.sqlite.prepare("SELECT sum(quantity_delta) FROM stock_adjustments").pluck().get(), 10);
    assert.throws(() => database.sqlite.exec("DELETE FROM products WHERE id = 'p1'"), /FOREIGN KEY/);
  });

  it("finds and sorts the products that are there, archived ones not among them", async () => {
    await upgrade();
    assert.deepEqual(await listed("olla", "create_time"), ["p1"]);
    assert.deepEqual(await listed("lamp", "create_time"), []);
    assert.deepEqual(await listed("holds tea", "create_time"), ["p1", "p3", "p4"]);
    assert.deepEqual(await listed("", "display_name"), ["p1", "p4", "p3"]);
  });

  it("takes a product that a process of the version before creates while it still runs", async () => {
    const create = database.sqlite.prepare(insertProduct("p5", "Lampe", "ACTIVE", 5));
    await upgrade();
    create.run();
    assert.deepEqual(await listed("lampe", "create_time"), ["p5"]);
    assert.deepEqual(await listed("", "display_name"), ["p5", "p1", "p4", "p3"]);
  });
});
