import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "mocha";
import { createMetrics, type Metrics } from "../metrics.ts";
import { type Database, openDatabase } from "./database.ts";
import type { CommitListener } from "./group-commit.ts";
import { watchCommits } from "./watch-commits.ts";

describe("the watch over commits", () => {
  let metrics: Metrics;
  let warnings: unknown[];
  const log = { warn: (...line: unknown[]) => void warnings.push(line) };
  const shown = async (line: string) =>
    (await metrics.expose()).body.match(new RegExp(`^database_commit_duration_seconds_${line}.* (\\S+)$`, "m"))?.[1];

  beforeEach(() => {
    metrics = createMetrics({ service: "test" });
    warnings = [];
  });

  describe("of a database", () => {
    let database: Database;
    beforeEach(() => {
      database = openDatabase({ file: ":memory:" });
      database.sqlite.exec("CREATE TABLE things (id INTEGER PRIMARY KEY)");
      watchCommits({ database, log, metrics });
    });
    afterEach(() => database.close());

    const insert = () => database.transact(() => database.sqlite.exec("INSERT INTO things DEFAULT VALUES"));

    it("measures every transaction once, however many works it has", async () => {
      const startTime = performance.now();
      await Promise.all([insert(), insert()]);
      await insert();
      const elapsedSeconds = (performance.now() - startTime) / 1000;
      assert.equal(await shown("count"), "2");
      const seconds = Number(await shown("sum"));
      assert.ok(seconds > 0 && seconds < elapsedSeconds, `${seconds} of ${elapsedSeconds} s`);
      assert.deepEqual(warnings, []);
    });

    it("leaves out what was not committed", async () => {
      await assert.rejects(database.transact(() => database.sqlite.exec("ROLLBACK")));
      assert.equal(await shown("count"), "0");
    });
  });

  it("warns of those for which everybody had to wait for longer than a second", async () => {
    const listeners: CommitListener[] = [];
    watchCommits({ database: { onCommit: (listener) => void listeners.push(listener) }, log, metrics });
    for (const durationMs of [999, 5_012.3]) for (const listener of listeners) listener({ durationMs });
    assert.deepEqual(warnings, [[{ duration_ms: 5_012 }, "the disk took long to commit"]]);
    assert.equal(await shown('bucket{le="1"'), "1");
    assert.equal(await shown('bucket{le="10"'), "2");
  });
});
