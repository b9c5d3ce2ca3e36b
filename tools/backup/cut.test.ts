import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { readSnapshot } from "@quartet/chassis/storage/read-snapshot";
import BetterSqlite3 from "better-sqlite3";
import { afterEach, beforeEach, describe, it } from "mocha";
import { takeCut } from "./cut.ts";

const cuts = 25;

describe("a cut of several databases", function () {
  this.timeout(60_000);
  let folder: string;
  let writer: ChildProcess | undefined;
  let files: readonly [string, string];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "quartet-cut-"));
    files = [join(folder, "first.sqlite"), join(folder, "second.sqlite")];
  });
  afterEach(async () => {
    if (writer !== undefined && writer.exitCode === null) {
      const end = once(writer, "exit");
      writer.kill("SIGKILL");
      await end;
      writer = undefined;
    }
    rmSync(folder, { recursive: true, force: true });
  });

  it("shows one moment of all, while another process writes to one after another without a pause", async () => {
    const started = spawn(process.execPath, [join(import.meta.dirname, "cut.test-child.ts"), ...files], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    writer = started;
    await once(started.stdout, "data");
    const seen = new Set<number>();
    for (let round = 0; round < cuts; round++) {
      const cut = takeCut(files, Date.now);
      // Copied long after the cut: what is written meanwhile belongs to none of them.
      await delay(10);
      const last = async (file: string) => {
        const copy = `${file}.copy`;
        rmSync(copy, { force: true });
        await cut.copy(file, copy);
        const { rows = [] } = readSnapshot(copy, { rows: "SELECT max(n) AS n, count(*) AS count FROM numbers" });
        const [{ n, count }] = rows as [{ n: number; count: number }];
        assert.equal(count, n);
        return n;
      };
      const [first, second] = [await last(files[0]), await last(files[1])];
      cut.close();
      assert.ok(first === second || first === second + 1, `${first} in the first, ${second} in the second`);
      seen.add(first);
    }
    assert.ok(seen.size > cuts / 2, "the writer went on");
  });

  it("is refused when a writer does not let go, and leaves nothing locked", () => {
    const [first, second] = files.map((file) => {
      const database = new BetterSqlite3(file, { timeout: 0 });
      database.pragma("journal_mode = WAL");
      database.exec("CREATE TABLE numbers (n INTEGER)");
      return database;
    });
    second?.exec("BEGIN IMMEDIATE");
    assert.throws(
      () => takeCut(files, Date.now, 50),
      /^StackError: No moment of all databases could be taken: database is locked/,
    );
    first?.exec("BEGIN IMMEDIATE; ROLLBACK");
    for (const database of [first, second]) database?.close();
  });
});
