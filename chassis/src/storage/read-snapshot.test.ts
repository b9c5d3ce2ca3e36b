import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { openTestDatabase } from "../testing/test-database.ts";
import type { Database } from "./database.ts";
import { readSnapshot, snapshotJson } from "./read-snapshot.ts";

describe("readSnapshot", () => {
  let database: Database;
  beforeEach(async () => {
    database = await openTestDatabase({ file: true });
    database.sqlite.exec("CREATE TABLE things (n INTEGER CHECK (n > 0)) STRICT; INSERT INTO things VALUES (1)");
  });
  afterEach(() => database.close());

  it("sees what is committed, beside a writer in the middle of a transaction", () => {
    database.sqlite.exec("BEGIN IMMEDIATE; INSERT INTO things VALUES (2)");
    const queries = { rows: "SELECT n FROM things", count: "SELECT count(*) AS n FROM things" };
    assert.deepEqual(readSnapshot(database.file, queries), { rows: [{ n: 1 }], count: [{ n: 1 }] });
    database.sqlite.exec("COMMIT");
    assert.deepEqual(readSnapshot(database.file, queries).count, [{ n: 2 }]);
  });

  it("changes nothing", () => {
    assert.throws(
      () => readSnapshot(database.file, { insert: "INSERT INTO things VALUES (3) RETURNING n" }),
      /readonly/,
    );
  });

  it("lets integrity_check see rows that break a constraint", () => {
    database.sqlite.exec("PRAGMA ignore_check_constraints = ON; INSERT INTO things VALUES (-1)");
    const { found } = readSnapshot(database.file, { found: "SELECT * FROM pragma_integrity_check" });
    assert.deepEqual(found, [{ integrity_check: "CHECK constraint failed in things" }]);
  });

  it("makes no file where there is none", () => {
    const missing = `${database.file}.missing`;
    assert.throws(() => readSnapshot(missing, {}), /there is no/);
    assert.equal(existsSync(missing), false);
  });

  it("gives the same as JSON, in pieces of one size, however much there is", () => {
    const wide = `WITH RECURSIVE numbers AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM numbers LIMIT 1000)
      SELECT n, printf('%.1000c', 'x') AS text FROM numbers`;
    const queries = { none: "SELECT n FROM things WHERE n > 9", wide, rows: "SELECT n FROM things" };
    const pieces = [...snapshotJson(database.file, queries)];
    assert.equal(pieces.join(""), JSON.stringify(readSnapshot(database.file, queries)));
    assert.ok(pieces.length > 10 && pieces.every(({ length }) => length < 70_000), `${pieces.length} pieces`);
    assert.deepEqual([...snapshotJson(database.file, {})], ["{}"]);
  });

  describe("as a program", () => {
    const program = join(import.meta.dirname, "..", "answer-queries.ts");
    const run = (file: string) => {
      const input = JSON.stringify({ rows: "SELECT n FROM things" });
      const { status, stdout } = spawnSync(process.execPath, [program, file], { input, encoding: "utf8" });
      return { status, stdout };
    };

    it("ends with 3 when the file is damaged or gone, and says why in its last line", () => {
      database.sqlite.pragma("wal_checkpoint(TRUNCATE)");
      const whole = readFileSync(database.file);
      const copy = `${database.file}.copy`;
      const lastLine = () => {
        const { status, stdout } = run(copy);
        return { status, why: stdout.trimEnd().split("\n").at(-1) };
      };
      writeFileSync(copy, whole.subarray(0, whole.length - 4096));
      assert.deepEqual(lastLine(), { status: 3, why: "database disk image is malformed" });
      writeFileSync(copy, whole.fill(255, 0, 100));
      assert.deepEqual(lastLine(), { status: 3, why: "file is not a database" });
      const gone = { status: 3, why: `there is no ${copy}, or nothing in it` };
      truncateSync(copy);
      assert.deepEqual(lastLine(), gone);
      rmSync(copy);
      assert.deepEqual(lastLine(), gone);
    });

    it("ends with 1 when something else is wrong", () => {
      database.sqlite.exec("DROP TABLE things");
      assert.equal(run(database.file).status, 1);
    });

    it("prints one line of JSON", () => {
      assert.deepEqual(run(database.file), { status: 0, stdout: '{"rows":[{"n":1}]}\n' });
    });
  });
});
