import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { startTestProcess } from "../testing/child-process.ts";
import { type Database, openDatabase } from "./database.ts";

const childFile = new URL("database.test-child.ts", import.meta.url);

describe("a database", () => {
  let folder: string;
  let file: string;
  let database: Database;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "quartet-"));
    file = join(folder, "test.sqlite");
    database = openDatabase({ file });
    database.sqlite.exec(
      "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT; " +
        "INSERT INTO counters VALUES ('all', 0); CREATE TABLE things (number INTEGER NOT NULL) STRICT",
    );
  });
  afterEach(async () => {
    await database.close();
    rmSync(folder, { recursive: true });
  });
  const counter = (): number =>
    Number(database.sqlite.prepare("SELECT value FROM counters WHERE name = 'all'").pluck().get());

  it("is opened so that what is committed survives a power cut and references hold", () => {
    const pragma = (name: string) => database.sqlite.pragma(name, { simple: true });
    assert.equal(pragma("journal_mode"), "wal");
    assert.equal(pragma("synchronous"), 2);
    assert.equal(pragma("foreign_keys"), 1);
    assert.equal(pragma("trusted_schema"), 0);
    assert.equal(pragma("busy_timeout"), 10);
  });

  it("has a SQLite without the write-ahead log reset defect of versions before 3.51.3", () => {
    const [major = 0, minor = 0, patch = 0] = String(database.sqlite.prepare("SELECT sqlite_version()").pluck().get())
      .split(".")
      .map(Number);
    assert(major * 1e6 + minor * 1e3 + patch >= 3_051_003);
  });

  it("is one whole file after it was closed", async () => {
    await database.transact(() => database.sqlite.exec("UPDATE counters SET value = 7"));
    assert(statSync(`${file}-wal`).size > 0);
    await database.close();
    assert(!existsSync(`${file}-wal`));
    copyFileSync(file, join(folder, "copy.sqlite"));
    database = openDatabase({ file: join(folder, "copy.sqlite") });
    assert.equal(counter(), 7);
  });

  it("leaves no log behind for a backup even while somebody else has it open", async () => {
    const other = openDatabase({ file });
    await database.transact(() => database.sqlite.exec("UPDATE counters SET value = 7"));
    await database.close();
    assert.equal(statSync(`${file}-wal`).size, 0);
    await other.close();
  });

  it("says so when the file is no database, and does not keep it open", () => {
    const bad = join(folder, "bad.sqlite");
    writeFileSync(bad, "this is no database, and it is long enough to tell".repeat(20));
    assert.throws(() => openDatabase({ file: bad }), /not a database/);
    assert.throws(() => openDatabase({ file: join(folder, "none", "x.sqlite") }), /directory does not exist/);
  });

  it("stays correct when two processes write to it at the same time", async () => {
    const rounds = 40;
    const child = startTestProcess(childFile, [file, `${rounds}`]);
    await child.nextLine();
    const add = database.sqlite.prepare("UPDATE counters SET value = ?");
    for (let round = 0; round < rounds; round += 1) {
      await Promise.all([1, 2, 3].map(() => database.transact(() => add.run(counter() + 1))));
    }
    assert.equal(await child.exit, 0);
    assert.equal(counter(), 2 * 3 * rounds);
  });

  it("keeps all that was answered when the process is killed", async () => {
    for (let kill = 0; kill < 3; kill += 1) {
      database.sqlite.exec("DELETE FROM things; UPDATE counters SET value = 0");
      const child = startTestProcess(childFile, [file, "1000000"]);
      const answered: number[] = [];
      while (answered.length < 50 + 7 * kill) answered.push(Number(await child.nextLine()));
      await child.kill();
      const kept = new Set(database.sqlite.prepare("SELECT number FROM things").pluck().all());
      assert.deepEqual(
        answered.filter((number) => !kept.has(number)),
        [],
      );
      assert.equal(counter(), kept.size);
      assert.equal(database.sqlite.pragma("integrity_check", { simple: true }), "ok");
      await database.transact(() => database.sqlite.exec("UPDATE counters SET value = 0"));
    }
  });
});
