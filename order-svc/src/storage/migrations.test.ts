import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Database, openDatabase } from "@quartet/chassis/storage/database";
import { chassisMigrations, migrate } from "@quartet/chassis/storage/migrate";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { assertSchemaMatches } from "@quartet/chassis/testing/schema-check";
import { afterEach, beforeEach, describe, it } from "mocha";
import { toOutgoing } from "../events/publish.ts";
import { migrations } from "../migrations.ts";
import { aMessage, aPlacement, placeTime, testTraceId } from "../testing/builders.ts";
import { createDeletedUsers } from "./deleted-users.ts";
import { createOrderQueries } from "./order-queries.ts";
import { createOrderStore } from "./order-store.ts";
import * as schema from "./schema.ts";

const open = "'tok_visa', 'e1', 10";
const closed = "NULL, NULL, NULL";

/** Orders of every state and reason, with their lines and timelines, as the first migration keeps them. */
const earlierOrders = `
  INSERT INTO orders VALUES
    ('o1', 'ada', 'r1', 'h1', 'PENDING', 1, 'EUR', 500, 0, 0, NULL, NULL, 0, NULL, 0, ${open}, 10, 10, NULL),
    ('o2', 'ada', NULL, NULL, 'AWAITING_PAYMENT', 2, 'EUR', 500, 0, 0, NULL, 'RESERVED', 1, NULL, 0, ${open}, 10, 11, NULL),
    ('o3', 'bob', 'r1', 'h2', 'CONFIRMED', 3, 'EUR', 500, 500, 200, NULL, 'SOLD', 2, 'REFUNDED', 3, ${closed}, 10, 12, 12),
    ('o4', 'bob', NULL, NULL, 'CANCELLED', 2, 'USD', 500, 0, 0, 'DEADLINE_EXCEEDED', NULL, 0, NULL, 0, ${closed}, 10, 12, NULL),
    ('o5', 'eve', NULL, NULL, 'CANCELLED', 2, 'USD', 500, 500, 500, 'REQUESTED', 'RELEASED', 2, 'REFUNDED', 3, ${closed}, 10, 12, 11);
  INSERT INTO order_lines SELECT id, 0, 'cup', 1, 'Cup', 1, 300 FROM orders;
  INSERT INTO order_lines SELECT id, 1, 'mug', 4, 'Mug', 2, 100 FROM orders;
  INSERT INTO order_events SELECT id, 1, 'PENDING', 'shop.order.v1.OrderPlaced', 'e1', 10, '${testTraceId}' FROM orders;
  INSERT INTO order_events SELECT id, 2, state, 'shop.test.v1.Heard', 'e2', 11, '${testTraceId}' FROM orders WHERE version > 1;
  INSERT INTO order_events SELECT id, 3, state, 'shop.test.v1.Heard', 'e3', 12, '${testTraceId}' FROM orders WHERE version > 2;
`;

describe("the migrations of order-svc", () => {
  let folder: string;
  let database: Database;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "order-svc-migrations-"));
    cpSync(new URL("0000_orders.sql", migrations.folder), join(folder, "0000_orders.sql"));
    database = openDatabase({ file: join(folder, "order-svc.sqlite") });
    await migrate(database, [chassisMigrations, { name: migrations.name, folder }]);
    database.sqlite.exec(earlierOrders);
  });
  afterEach(async () => {
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const rowsOf = (table: string) => database.sqlite.prepare(`SELECT * FROM ${table} ORDER BY 1, 2`).all();
  const upgrade = () => migrate(database, [chassisMigrations, migrations]);

  it("keep every order, line and entry of a database that the first one made", async () => {
    const tables = ["orders", "order_lines", "order_events"];
    const before = tables.map(rowsOf);
    assert.deepEqual(
      before.map((rows) => rows.length),
      [5, 10, 10],
    );
    await upgrade();
    assert.deepEqual(tables.map(rowsOf), before);
    assert.deepEqual(database.sqlite.pragma("foreign_key_check"), []);
    assert.deepEqual(database.sqlite.pragma("integrity_check"), [{ integrity_check: "ok" }]);
    assertSchemaMatches(database, schema);
  });

  it("keep the rules between the tables in force", async () => {
    await upgrade();
    for (const [statement, message] of [
      ["DELETE FROM orders WHERE id = 'o1'", /FOREIGN KEY/],
      ["INSERT INTO order_lines VALUES ('ghost', 0, 'cup', 1, 'Cup', 1, 1)", /FOREIGN KEY/],
      [`INSERT INTO order_events VALUES ('o1', 3, 'PENDING', 'x', 'e9', 1, '${testTraceId}')`, /has no gap/],
      ["UPDATE order_events SET cause = 'x'", /does not change/],
      [
        "INSERT INTO orders SELECT 'o9', user_id, request_id, request_hash, 'PENDING', 1, 'EUR', 1, 0, 0, NULL, NULL, 0, NULL, 0, 't', 'e', 1, 1, 1, NULL FROM orders WHERE id = 'o1'",
        /UNIQUE/,
      ],
    ] as const) {
      assert.throws(() => database.sqlite.exec(statement), message, statement);
    }
  });

  it("let earlier orders go on, and be cancelled with their users", async () => {
    await upgrade();
    const unitOfWork = createUnitOfWork({ database, now: () => placeTime });
    const orders = createOrderStore({ database, unitOfWork, toOutgoing });
    const deletedUsers = createDeletedUsers({ database, unitOfWork, now: () => placeTime });
    const claim = { caller: "users/ada", method: "m", requestId: "r1", hash: "h1" };
    assert.equal((await orders.place("ada", claim, () => aPlacement("o6"))).id, "o1");
    await deletedUsers.record("ada", aMessage("deletion"));
    const { orders: found } = await deletedUsers.unfinished(10);
    assert.deepEqual(found.map(({ orderId }) => orderId).sort(), ["o1", "o2"]);
    const listed = await createOrderQueries({ database }).list({ userId: "ada", afterId: undefined, limit: 10 });
    assert.deepEqual(
      listed.map((order) => [order.id, order.lines.length]),
      [
        ["o2", 2],
        ["o1", 2],
      ],
    );
  });
});
