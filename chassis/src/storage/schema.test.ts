import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "mocha";
import { assertSchemaMatches } from "../testing/schema-check.ts";
import { openTestDatabase } from "../testing/test-database.ts";
import type { Database } from "./database.ts";
import { foreignKey, index, integer, sqliteTable, text, uniqueIndex } from "./drizzle.ts";
import * as schema from "./schema.ts";
import { secretOf } from "./secrets.ts";

describe("the schema of the chassis", () => {
  let database: Database;
  beforeEach(async () => {
    database = await openTestDatabase();
  });
  afterEach(() => database.close());

  it("is what its migrations make", () => {
    assertSchemaMatches(database, schema);
  });

  it("looks for unsent events, due messages and old rows with an index", () => {
    const plans = {
      outbox_unsent: "SELECT seq FROM outbox WHERE sent_time IS NULL AND seq > 5 ORDER BY seq LIMIT 10",
      outbox_sent: "SELECT seq FROM outbox WHERE sent_time < 5 ORDER BY sent_time LIMIT 10",
      inbox_waiting:
        "SELECT * FROM inbox WHERE state = 'waiting' AND next_attempt_time <= 5 ORDER BY next_attempt_time",
      inbox_parked: "SELECT * FROM inbox WHERE state = 'parked' ORDER BY finish_time DESC",
      inbox_started: "SELECT message_id FROM inbox WHERE state = 'started' AND receive_time < 5 LIMIT 10",
      inbox_done: "SELECT message_id FROM inbox WHERE state = 'done' AND finish_time < 5 ORDER BY finish_time LIMIT 10",
      request_claims_create_time: "SELECT 1 FROM request_claims WHERE create_time < 5 ORDER BY create_time LIMIT 10",
    };
    for (const [name, query] of Object.entries(plans)) {
      const plan = database.sqlite.prepare<[], { detail: string }>(`EXPLAIN QUERY PLAN ${query}`).all();
      assert.match(plan.map(({ detail }) => detail).join(), new RegExp(`INDEX ${name}\\b`));
      assert.doesNotMatch(plan.map(({ detail }) => detail).join(), /TEMP B-TREE/);
    }
  });

  it("refuses rows that make no sense", () => {
    const insert = (state: string, payload: string, next: string, finish: string) => () =>
      database.sqlite.exec(
        "INSERT INTO inbox (message_id, type, aggregate, version, payload, message_time, state, starts, attempts, " +
          `next_attempt_time, receive_time, finish_time) VALUES ('1', 't', 'a', 1, ${payload}, 0, '${state}', 0, 0, ` +
          `${next}, 0, ${finish})`,
      );
    assert.throws(insert("lost", "x'00'", "NULL", "NULL"), /CHECK/);
    assert.throws(insert("done", "x'00'", "NULL", "1"), /CHECK/);
    assert.throws(insert("waiting", "NULL", "1", "NULL"), /CHECK/);
    assert.throws(insert("waiting", "x'00'", "NULL", "NULL"), /CHECK/);
    assert.throws(insert("parked", "x'00'", "NULL", "NULL"), /CHECK/);
    assert.throws(insert("started", "'text'", "NULL", "NULL"), /cannot store TEXT/);
    insert("done", "NULL", "NULL", "1")();
  });

  it("has a page token key of its own in each database", async () => {
    const other = await openTestDatabase();
    assert.equal(secretOf(database, "page_token").length, 32);
    assert.notDeepEqual(secretOf(database, "page_token"), secretOf(other, "page_token"));
    assert.throws(() => secretOf(database, "none"), /no secret none/);
    await other.close();
  });
});

describe("assertSchemaMatches", () => {
  const shelves = sqliteTable("shelves", { id: text("id").notNull().primaryKey() });
  const things = sqliteTable(
    "things",
    {
      id: integer("id").primaryKey(),
      shelf: text("shelf").notNull(),
      label: text("label").unique(),
      size: integer("size"),
    },
    (table) => [
      foreignKey({ columns: [table.shelf], foreignColumns: [shelves.id] }),
      index("things_size").on(table.size),
      uniqueIndex("things_shelf").on(table.shelf, table.size),
    ],
  );
  const meant = [
    "CREATE TABLE shelves (id TEXT NOT NULL PRIMARY KEY) STRICT",
    "CREATE TABLE things (id INTEGER PRIMARY KEY, shelf TEXT NOT NULL REFERENCES shelves (id), label TEXT UNIQUE, " +
      "size INTEGER CHECK (size > 0)) STRICT",
    "CREATE INDEX things_size ON things (size)",
    "CREATE UNIQUE INDEX things_shelf ON things (shelf, size)",
  ];
  let database: Database;
  beforeEach(async () => {
    database = await openTestDatabase();
  });
  afterEach(() => database.close());

  it("accepts what is meant, whatever else the chassis keeps in the database", () => {
    for (const statement of meant) database.sqlite.exec(statement);
    assertSchemaMatches(database, { shelves, things, somethingElse: 1 });
  });

  const mistakes: Record<string, [from: string, to: string]> = {
    "a table that is not STRICT": [") STRICT", ")"],
    "another type": ["size INTEGER", "size TEXT"],
    "a column that may be null": ["shelf TEXT NOT NULL", "shelf TEXT"],
    "a column too many": ["label TEXT UNIQUE", "label TEXT UNIQUE, more TEXT"],
    "a column of another name": ["label TEXT", "labels TEXT"],
    "another key": ["id INTEGER PRIMARY KEY", "id INTEGER"],
    "a missing reference": [" REFERENCES shelves (id)", ""],
    "a missing unique constraint": [" UNIQUE,", ","],
    "an index that is not unique": ["CREATE UNIQUE INDEX", "CREATE INDEX"],
    "an index on other columns": ["things (shelf, size)", "things (shelf)"],
    "a default": ["label TEXT UNIQUE", "label TEXT UNIQUE DEFAULT 'none'"],
    "an index that is partial": ["things (size)", "things (size) WHERE size > 1"],
    "a table that the schema does not know": ["CREATE INDEX things_size ON things (size)", "CREATE TABLE x (y) STRICT"],
  };
  for (const [mistake, [from, to]] of Object.entries(mistakes)) {
    it(`refuses ${mistake}`, () => {
      let changed = 0;
      for (const statement of meant) {
        if (statement.includes(from)) changed += 1;
        database.sqlite.exec(statement.replace(from, to).replace("x (y)", "x (y TEXT)"));
      }
      assert.notEqual(changed, 0);
      assert.throws(() => assertSchemaMatches(database, { shelves, things }), assert.AssertionError);
    });
  }
});
