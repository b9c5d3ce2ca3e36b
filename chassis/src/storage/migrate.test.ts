import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { afterEach, beforeEach, describe, it } from "mocha";
import { startTestProcess } from "../testing/child-process.ts";
import { type Database, openDatabase } from "./database.ts";
import { chassisMigrations, MigrationError, migrate } from "./migrate.ts";

const childFile = new URL("migrate.test-child.ts", import.meta.url);

describe("migrate", () => {
  let folder: string;
  let file: string;
  let database: Database;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "quartet-"));
    mkdirSync(join(folder, "migrations"));
    file = join(folder, "test.sqlite");
    database = openDatabase({ file });
  });
  afterEach(async () => {
    await database.close();
    rmSync(folder, { recursive: true });
  });

  const write = (name: string, statements: string) => writeFileSync(join(folder, "migrations", name), statements);
  const remove = (name: string) => rmSync(join(folder, "migrations", name));
  const run = () => migrate(database, [{ name: "things", folder: join(folder, "migrations") }], { now: () => 5 });
  const journal = () =>
    database.sqlite.prepare("SELECT source, name, apply_time FROM migrations ORDER BY 1, 2").raw().all();
  const tables = () =>
    database.sqlite.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").pluck().all();
  const refuses = (message: RegExp) =>
    assert.rejects(run(), (error) => error instanceof MigrationError && message.test(error.message));

  it("applies the files in order, each once, and keeps a journal", async () => {
    write("0002_more.sql", "ALTER TABLE things ADD COLUMN size INTEGER");
    write("0001_things.sql", "CREATE TABLE things (id TEXT PRIMARY KEY) STRICT;\n--> statement-breakpoint\nSELECT 1;");
    write("README.md", "not a migration");
    await run();
    await run();
    assert.deepEqual(journal(), [
      ["things", "0001_things.sql", 5],
      ["things", "0002_more.sql", 5],
    ]);
    write("0003_again.sql", "ALTER TABLE things ADD COLUMN colour TEXT");
    await run();
    assert.equal(journal().length, 3);
  });

  it("keeps several sources apart", async () => {
    write("0001_messages.sql", "CREATE TABLE things (id TEXT PRIMARY KEY) STRICT");
    await migrate(database, [chassisMigrations, { name: "things", folder: join(folder, "migrations") }]);
    await migrate(database, [chassisMigrations]);
    assert(tables().includes("outbox") && tables().includes("things"));
  });

  it("refuses a file that was changed after it had been applied, but not for its line ends", async () => {
    write("0001_things.sql", "CREATE TABLE things (id TEXT PRIMARY KEY)\nSTRICT;");
    await run();
    write("0001_things.sql", "CREATE TABLE things (id TEXT PRIMARY KEY)\r\nSTRICT;");
    await run();
    write("0001_things.sql", "CREATE TABLE things (id TEXT PRIMARY KEY) STRICT;");
    await refuses(/0001_things.sql was changed/);
  });

  it("refuses a database that a newer version has migrated", async () => {
    write("0001_things.sql", "CREATE TABLE things (id TEXT PRIMARY KEY) STRICT");
    write("0002_more.sql", "SELECT 1");
    await run();
    remove("0002_more.sql");
    await refuses(/0002_more.sql was applied but there is no such file/);
  });

  it("refuses a new file that sorts before an applied one", async () => {
    write("0002_things.sql", "CREATE TABLE things (id TEXT PRIMARY KEY) STRICT");
    await run();
    write("0001_late.sql", "SELECT 1");
    await refuses(/0001_late.sql is new but sorts before 0002_things.sql/);
  });

  it("refuses names it cannot order", async () => {
    write("things.sql", "SELECT 1");
    await refuses(/not named NNNN_name.sql/);
    remove("things.sql");
    write("0001_a.sql", "SELECT 1");
    write("0001_b.sql", "SELECT 1");
    await refuses(/two migrations have the number 0001/);
  });

  it("changes nothing when one of several fails, and says which", async () => {
    write("0001_things.sql", "CREATE TABLE things (id TEXT PRIMARY KEY) STRICT");
    write("0002_wrong.sql", "CREATE TABLE more (id TEXT PRIMARY KEY) STRICT; INSERT INTO missing VALUES (1)");
    await refuses(/things\/0002_wrong.sql: no such table: missing/);
    assert.deepEqual(tables(), []);
    assert.equal(database.sqlite.pragma("foreign_keys", { simple: true }), 1);
    await database.transact(() => database.sqlite.exec("CREATE TABLE still_works (id INTEGER) STRICT"));
  });

  it("refuses a migration that ends the transaction, before it has done anything", async () => {
    write("0001_things.sql", "CREATE TABLE things (id TEXT PRIMARY KEY) STRICT; -- all of it\n commit; BEGIN;");
    await refuses(/0001_things.sql ends the transaction/);
    assert.deepEqual(tables(), []);
    write("0001_things.sql", "CREATE TABLE things (id TEXT PRIMARY KEY) STRICT; END; BEGIN;");
    await refuses(/0001_things.sql ends the transaction/);
    write("0001_things.sql", '-- first; COMMIT later\nSELECT \'a; COMMIT\', "; BEGIN" FROM (SELECT 1 AS "; BEGIN");');
    await run();
  });

  it("keeps child rows when a table is rebuilt, and switches references on again", async () => {
    write(
      "0001_things.sql",
      "CREATE TABLE shelves (id INTEGER PRIMARY KEY, name TEXT) STRICT; CREATE TABLE things (id INTEGER PRIMARY KEY, " +
        "shelf INTEGER NOT NULL REFERENCES shelves (id) ON DELETE CASCADE) STRICT; " +
        "INSERT INTO shelves VALUES (1, 'a'); INSERT INTO things VALUES (10, 1), (11, 1);",
    );
    await run();
    write(
      "0002_rebuild.sql",
      "CREATE TABLE new_shelves (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT; " +
        "INSERT INTO new_shelves SELECT id, name FROM shelves; DROP TABLE shelves; " +
        "ALTER TABLE new_shelves RENAME TO shelves;",
    );
    await run();
    assert.equal(database.sqlite.prepare("SELECT count(*) FROM things").pluck().get(), 2);
    assert.throws(() => database.sqlite.exec("INSERT INTO things VALUES (12, 2)"), /FOREIGN KEY/);
    database.sqlite.exec("DELETE FROM shelves");
    assert.equal(database.sqlite.prepare("SELECT count(*) FROM things").pluck().get(), 0);
  });

  it("refuses a migration that leaves a broken reference", async () => {
    write(
      "0001_things.sql",
      "CREATE TABLE shelves (id INTEGER PRIMARY KEY) STRICT; " +
        "CREATE TABLE things (shelf INTEGER REFERENCES shelves (id)) STRICT; INSERT INTO things VALUES (1), (2)",
    );
    await refuses(/2 broken references, the first from things to shelves/);
    assert.deepEqual(tables(), []);
  });

  it("lets full-text search be kept up to date by triggers, though the schema is not trusted", async () => {
    write(
      "0001_things.sql",
      "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT; CREATE VIRTUAL TABLE things_fts USING " +
        "fts5 (name, content='things', content_rowid='id'); CREATE TRIGGER things_insert AFTER INSERT ON things BEGIN " +
        "INSERT INTO things_fts (rowid, name) VALUES (new.id, new.name); END;",
    );
    await run();
    database.sqlite.exec("INSERT INTO things (name) VALUES ('red lamp'), ('blue lamp')");
    const found = database.sqlite.prepare("SELECT rowid FROM things_fts WHERE things_fts MATCH 'blue'").pluck().all();
    assert.deepEqual(found, [2]);
  });

  it("lets a migration call the functions that come with it", async () => {
    write("0001_things.sql", "CREATE TABLE things (name TEXT) STRICT; INSERT INTO things VALUES (shout('lamp'))");
    const source = { name: "things", folder: join(folder, "migrations") };
    await assert.rejects(migrate(database, [source]), /no such function: shout/);
    await migrate(database, [{ ...source, functions: { shout: (text) => `${text.toUpperCase()}!` } }]);
    assert.equal(database.sqlite.prepare("SELECT name FROM things").pluck().get(), "LAMP!");
  });

  it("waits for another process that writes, for a bounded time, before it looks at anything", async () => {
    write("0001_things.sql", "CREATE TABLE things (id TEXT PRIMARY KEY) STRICT");
    await run();
    write("0002_more.sql", "ALTER TABLE things ADD COLUMN size INTEGER");
    const other = new BetterSqlite3(file);
    other.exec("BEGIN IMMEDIATE");
    const source = { name: "things", folder: join(folder, "migrations") };
    await assert.rejects(migrate(database, [source], { lockWaitMaxMs: 1 }), /database is locked/);
    const waiting = run();
    other.exec("INSERT INTO things VALUES ('a'); COMMIT");
    await waiting;
    other.close();
    assert.equal(journal().length, 2);
  });

  it("is safe in two processes at once", async () => {
    write("0001_things.sql", "CREATE TABLE things (id INTEGER PRIMARY KEY) STRICT");
    write(
      "0002_rows.sql",
      "INSERT INTO things SELECT value FROM generate_series(1, 1000)".replace(
        "generate_series(1, 1000)",
        "(WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 1000) SELECT value FROM n)",
      ),
    );
    const fresh = join(folder, "fresh.sqlite");
    const children = [1, 2].map(() => startTestProcess(childFile, [fresh, join(folder, "migrations")]));
    assert.deepEqual(await Promise.all(children.map(({ exit }) => exit)), [0, 0]);
    await database.close();
    database = openDatabase({ file: fresh });
    assert.deepEqual(
      journal().map((row) => (row as string[])[1]),
      [...readdirSync(chassisMigrations.folder).sort(), "0001_things.sql", "0002_rows.sql"],
    );
    assert.equal(database.sqlite.prepare("SELECT count(*) FROM things").pluck().get(), 1_000);
  });

  it("leaves nothing behind when the process is killed in the middle, and the next start does it all", async () => {
    write("0001_things.sql", "CREATE TABLE things (id INTEGER PRIMARY KEY) STRICT");
    write("0002_slow.sql", "INSERT INTO things VALUES (1); SELECT pause(); INSERT INTO things VALUES (2)");
    const child = startTestProcess(childFile, [file, join(folder, "migrations")]);
    assert.equal(await child.nextLine(), "in the middle");
    await child.kill();
    assert.deepEqual(tables(), []);
    database.sqlite.function("pause", () => null);
    await run();
    assert.deepEqual(database.sqlite.prepare("SELECT id FROM things").pluck().all(), [1, 2]);
  });
});
