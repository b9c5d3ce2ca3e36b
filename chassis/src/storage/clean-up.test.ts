import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "mocha";
import { eventually } from "../testing/eventually.ts";
import { openTestDatabase } from "../testing/test-database.ts";
import { type CleanUpOptions, createCleanUp } from "./clean-up.ts";
import type { Database } from "./database.ts";
import { createInbox } from "./inbox.ts";
import { createOutbox } from "./outbox.ts";

const dayMs = 86_400_000;
const rows = 450;

describe("clean-up", () => {
  let database: Database;
  let now: number;
  let options: CleanUpOptions;

  beforeEach(async () => {
    now = 0;
    database = await openTestDatabase();
    const inbox = createInbox({ database, now: () => now });
    options = {
      database,
      outbox: createOutbox({ database }),
      inbox,
      now: () => now,
      onError: (error) => assert.fail(String(error)),
    };
    database.sqlite.exec(`
      CREATE TEMP TABLE n AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ${rows}) SELECT i FROM n;
      INSERT INTO outbox (event_id, type, aggregate, version, payload, create_time, sent_time)
        SELECT 'e' || i, 't', 'a', 1, x'00', 0, 0 FROM n;
      INSERT INTO inbox (message_id, type, aggregate, version, message_time, state, starts, attempts, receive_time, finish_time)
        SELECT 'm' || i, 't', 'a', 1, 0, 'done', 0, 0, 0, 0 FROM n;
      INSERT INTO request_claims SELECT 'users/' || i, 'm', 'r', 'h', 'things/1', 0 FROM n`);
  });
  afterEach(() => database.close());

  it("keeps everything for seven days and then removes it in small slices", async () => {
    const cleanUp = createCleanUp(options);
    now = 7 * dayMs;
    assert.equal(await cleanUp.run(), 0);
    let commits = 0;
    database.onCommit(() => {
      commits += 1;
    });
    now += 1;
    assert.equal(await cleanUp.run(), 3 * rows);
    assert(commits >= 9);
    assert.equal(await cleanUp.run(), 0);
  });

  it("keeps claims for ever where it is told to", async () => {
    now = 100 * dayMs;
    assert.equal(await createCleanUp({ ...options, keepsClaims: true }).run(), 2 * rows);
    assert.equal(Number(database.sqlite.prepare("SELECT count(*) FROM request_claims").pluck().get()), rows);
  });

  it("keeps unsent events for ever and takes over messages that the broker has lost", async () => {
    const lost = {
      id: "lost",
      type: "t",
      aggregate: "a",
      version: 1,
      payload: new Uint8Array(1),
      time: 0,
      redelivered: true,
    };
    await options.inbox.begin(lost, () => now);
    database.sqlite.exec("UPDATE outbox SET sent_time = NULL");
    now = 100 * dayMs;
    await createCleanUp(options).run();
    assert.equal(options.outbox.unsentCount(), rows);
    assert.equal(options.inbox.counts().waiting, 1);
  });

  it("runs a round when it starts, and stops between two slices", async () => {
    now = 8 * dayMs;
    const cleanUp = createCleanUp(options);
    cleanUp.start();
    cleanUp.start();
    await cleanUp.stop();
    const left = Number(database.sqlite.prepare("SELECT count(*) FROM request_claims").pluck().get());
    assert(left > 0 && left < rows);
    await cleanUp.stop();
  });

  it("still knows in its first round what was done before a long pause", async () => {
    now = 100 * dayMs;
    const count = (table: string) => Number(database.sqlite.prepare(`SELECT count(*) FROM ${table}`).pluck().get());
    const cleanUp = createCleanUp({ ...options, intervalMs: 50 });
    cleanUp.start();
    await eventually("the rest is gone", () => count("request_claims") === 0);
    assert.equal(count("inbox"), rows);
    await eventually("messages are gone too", () => count("inbox") === 0);
    await cleanUp.stop();
  });

  it("tells of a round that failed and does not stop for it", async () => {
    const errors: unknown[] = [];
    const outbox = { ...options.outbox, cleanUp: () => Promise.reject(new Error("no")) };
    const failed = new Promise<void>((resolve) => {
      const cleanUp = createCleanUp({
        ...options,
        outbox,
        intervalMs: 1,
        onError(error) {
          errors.push(error);
          if (errors.length === 2) resolve(cleanUp.stop());
        },
      });
      cleanUp.start();
    });
    await failed;
    assert.deepEqual(errors.map(String), ["Error: no", "Error: no"]);
  });
});
