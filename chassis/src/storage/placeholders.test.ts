import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "mocha";
import { openTestDatabase } from "../testing/test-database.ts";
import type { Database } from "./database.ts";
import { eq, integer, sql, sqliteTable, text } from "./drizzle.ts";
import { excluded, isOneOf, placeholders, placeholdersFor } from "./placeholders.ts";

const things = sqliteTable("things", {
  id: text("id").primaryKey().notNull(),
  isNew: integer("is_new", { mode: "boolean" }).notNull(),
  note: text("note"),
});

describe("placeholders of prepared statements", () => {
  let database: Database;
  beforeEach(async () => {
    database = await openTestDatabase();
    database.sqlite.exec("CREATE TABLE things (id TEXT PRIMARY KEY, is_new INTEGER NOT NULL, note TEXT)");
  });
  afterEach(() => database.close());

  const all = () => database.orm.select().from(things).orderBy(things.id).all();
  const cup = { id: "cup", isNew: true, note: null };
  const mug = { id: "mug", isNew: false, note: "chipped" };

  it("insert values of every column as the schema encodes them", () => {
    const insert = database.orm.insert(things).values(placeholders(things)).prepare();
    insert.run(cup);
    insert.run(mug);
    assert.deepEqual(all(), [cup, mug]);
    assert.throws(() => insert.run({ id: "pot", isNew: true }), /No value for placeholder "note"/);
  });

  it("update the columns that are named, and no other", () => {
    database.orm.insert(things).values([cup, mug]).run();
    const update = database.orm
      .update(things)
      .set(placeholdersFor(things, ["isNew"]))
      .where(eq(things.id, sql.placeholder("id")))
      .prepare();
    update.run({ id: "mug", isNew: true });
    assert.deepEqual(all(), [cup, { ...mug, isNew: true }]);
  });

  it("are refused for a column whose null would be saved as something else, and for none that is not there", () => {
    const loose = sqliteTable("loose", { id: text("id").primaryKey(), isNew: integer("is_new", { mode: "boolean" }) });
    assert.throws(() => placeholders(loose), /null in "isNew" would not be saved as NULL/);
    // @ts-expect-error: the compiler knows the columns.
    assert.throws(() => placeholdersFor(things, ["isOld"]), /no column "isOld"/);
  });

  it("replace a row that exists by what could not be inserted", () => {
    const upsert = database.orm
      .insert(things)
      .values(placeholders(things))
      .onConflictDoUpdate({ target: things.id, set: excluded(things) })
      .prepare();
    upsert.run(cup);
    upsert.run({ id: "cup", isNew: false, note: "chipped" });
    assert.deepEqual(all(), [{ ...mug, id: "cup" }]);
  });

  it("find the rows of a list of values", () => {
    database.orm.insert(things).values([cup, mug]).run();
    const find = database.orm.select().from(things).where(isOneOf(things.id, "ids")).prepare();
    const found = (...ids: string[]) => find.all({ ids: JSON.stringify(ids) }).map(({ id }) => id);
    assert.deepEqual(found("mug", "pot"), ["mug"]);
    assert.deepEqual(found(), []);
  });
});
