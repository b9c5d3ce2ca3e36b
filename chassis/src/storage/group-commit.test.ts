import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import BetterSqlite3 from "better-sqlite3";
import { afterEach, beforeEach, describe, it } from "mocha";
import { DomainError } from "../domain-error.ts";
import { newTrace } from "../trace.ts";
import { runInContext } from "../work-context.ts";
import { type Database, openDatabase } from "./database.ts";
import type { GroupCommitLimits } from "./group-commit.ts";

describe("group commit", () => {
  let folder: string;
  let database: Database;
  let commits: number;

  function open(limits?: Partial<GroupCommitLimits>): void {
    // Without a bound in time, a slow machine changes nothing about who shares a transaction.
    database = openDatabase({ file: join(folder, "test.sqlite"), limits: { batchTimeMaxMs: 60_000, ...limits } });
    database.sqlite.exec(
      "CREATE TABLE IF NOT EXISTS things (id INTEGER PRIMARY KEY, " +
        "parent INTEGER REFERENCES things (id) DEFERRABLE INITIALLY DEFERRED) STRICT",
    );
    commits = 0;
    database.onCommit(() => {
      commits += 1;
    });
  }
  const insert = (id: number, parent: number | null = null) =>
    database.sqlite.prepare("INSERT INTO things (id, parent) VALUES (?, ?)").run(id, parent).changes;
  const ids = () => database.sqlite.prepare("SELECT id FROM things ORDER BY id").pluck().all();
  const rejection = async (promise: Promise<unknown>) => {
    const [result] = await Promise.allSettled([promise]);
    assert(result.status === "rejected");
    return result.reason;
  };
  const reasonIn = (error: unknown) => {
    assert(error instanceof DomainError);
    return `${error.kind} ${error.reason}`;
  };
  const reasonOf = async (promise: Promise<unknown>) => reasonIn(await rejection(promise));

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "quartet-"));
  });
  afterEach(async () => {
    await database.close();
    rmSync(folder, { recursive: true });
  });

  it("commits what is queued in one turn together and answers each with its own result", async () => {
    open();
    const results = [1, 2, 3].map((id) => database.transact(() => insert(id) + id));
    assert.deepEqual(ids(), []);
    assert.deepEqual(await Promise.all(results), [2, 3, 4]);
    assert.equal(commits, 1);
    await database.transact(() => insert(4));
    assert.equal(commits, 2);
  });

  it("answers after the commit", async () => {
    open();
    const other = new BetterSqlite3(database.file, { readonly: true });
    await database.transact(() => insert(1));
    assert.equal(other.prepare("SELECT count(*) FROM things").pluck().get(), 1);
    other.close();
  });

  it("rolls back only the work that throws, and rejects it with its error", async () => {
    open();
    const failure = new Error("no");
    const results = await Promise.allSettled([
      database.transact(() => insert(1)),
      database.transact(() => {
        insert(2);
        throw failure;
      }),
      database.transact(() => insert(3)),
      database.transact(() => insert(3)),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled", "rejected"],
    );
    assert(results[1]?.status === "rejected" && results[1].reason === failure);
    assert.deepEqual(ids(), [1, 3]);
    assert.equal(commits, 1);
  });

  it("begins no work that nobody waits for any more, and for those alone no transaction", async () => {
    open();
    let isOver = false;
    const trace = newTrace();
    const inCall = (id: number) =>
      runInContext({ trace, isOver: () => isOver }, () => database.transact(() => insert(id)));
    const results = [inCall(1), database.transact(() => insert(2)), inCall(3)].map((result) => result.catch(reasonIn));
    isOver = true;
    const late = inCall(4).catch(reasonIn);
    const refused = "deadline_exceeded DEADLINE_EXCEEDED";
    assert.deepEqual(await Promise.all([...results, late]), [refused, 1, refused, refused]);
    assert.deepEqual(ids(), [2]);
    assert.equal(commits, 1);

    isOver = false;
    const alone = inCall(5).catch(reasonIn);
    isOver = true;
    assert.equal(await alone, refused);
    assert.equal(commits, 1);
  });

  it("begins no work whose deadline passes while others of its transaction run", async () => {
    open();
    let isOver = false;
    const inCall = (work: () => number) =>
      runInContext({ trace: newTrace(), isOver: () => isOver }, () => database.transact(work));
    const first = inCall(() => {
      isOver = true;
      return insert(1);
    });
    const second = inCall(() => insert(2));
    assert.equal(await reasonOf(second), "deadline_exceeded DEADLINE_EXCEEDED");
    assert.equal(await first, 1);
    assert.deepEqual(ids(), [1]);
  });

  it("takes works of calls out of their place behind others", async () => {
    open({ batchMax: 2 });
    const order: string[] = [];
    const queued = ["1", "2", "3", "4", "5"].map((name) => database.transact(() => order.push(name)));
    const call = { trace: newTrace(), isOver: () => false };
    queued.push(...["a", "b"].map((name) => runInContext(call, () => database.transact(() => order.push(name)))));
    await Promise.all(queued);
    assert.deepEqual(order, ["a", "1", "2", "3", "4", "b", "5"]);
    assert.equal(commits, 4);
  });

  it("rejects everybody in a transaction that cannot be committed, and goes on", async () => {
    open();
    const reasons = await Promise.all([
      reasonOf(database.transact(() => insert(1))),
      reasonOf(database.transact(() => insert(2, 99))),
      reasonOf(database.transact(() => insert(3))),
    ]);
    assert.deepEqual(reasons, Array(3).fill("unavailable DATABASE_UNAVAILABLE"));
    assert.equal(commits, 0);
    assert.deepEqual(ids(), []);
    await database.transact(() => insert(4));
    assert.deepEqual(ids(), [4]);
  });

  it("rejects the neighbours of an error that ends the transaction, and runs those that had not begun", async () => {
    open();
    const first = reasonOf(database.transact(() => insert(1)));
    const second = rejection(
      database.transact(() => database.sqlite.exec("INSERT OR ROLLBACK INTO things (id) VALUES (2), (2)")),
    );
    const third = database.transact(() => insert(3));
    assert.equal(await first, "unavailable DATABASE_UNAVAILABLE");
    assert.match(String(await second), /UNIQUE/);
    await third;
    assert.deepEqual(ids(), [3]);
  });

  it("bounds a transaction by the number of works", async () => {
    open({ batchMax: 4 });
    await Promise.all(Array.from({ length: 10 }, (_, id) => database.transact(() => insert(id))));
    assert.equal(commits, 3);
  });

  it("bounds a transaction by time, with other work in between", async () => {
    open({ batchTimeMaxMs: 0 });
    let turns = 0;
    const countTurns = () => {
      turns += 1;
      if (turns < 100) setImmediate(countTurns);
    };
    setImmediate(countTurns);
    await Promise.all([1, 2, 3].map((id) => database.transact(() => insert(id))));
    assert.equal(commits, 3);
    assert(turns >= 2);
  });

  it("gives a work that runs alone a transaction of its own, in its place in the queue", async () => {
    open();
    const order: string[] = [];
    const run = (name: string, alone: boolean) =>
      database.transact(() => void order.push(`${name} after ${commits}`), { alone });
    await Promise.all([run("a", false), run("b", false), run("c", true), run("d", true), run("e", false)]);
    assert.deepEqual(order, ["a after 0", "b after 0", "c after 1", "d after 2", "e after 3"]);
  });

  it("refuses a promise by its type and when it runs, and keeps nothing of that work", async () => {
    open();
    // @ts-expect-error a work must not be asynchronous
    const asynchronous = database.transact(async () => {
      insert(1);
      throw new Error("never seen");
    });
    assert.match(String(await rejection(asynchronous)), /TypeError: .*must be synchronous/);
    const hidden: () => unknown = () => Promise.resolve(insert(2));
    assert.match(String(await rejection(database.transact(hidden))), /must be synchronous/);
    assert.deepEqual(ids(), []);
  });

  it("runs each work in the context of its caller, and listeners outside of it", async () => {
    const context = new AsyncLocalStorage<string>();
    open();
    const seen: unknown[] = [];
    database.onCommit(() => seen.push(context.getStore()));
    const [a, b] = await Promise.all(
      ["a", "b"].map((name) => context.run(name, () => database.transact(() => context.getStore()))),
    );
    assert.deepEqual([a, b, ...seen], ["a", "b", undefined]);
  });

  it("takes a work that is queued by another into the same transaction", async () => {
    open();
    const inner = await database.transact(() => ({ queued: database.transact(() => insert(2)), changes: insert(1) }));
    await inner.queued;
    await nextTurn();
    assert.deepEqual([ids(), commits], [[1, 2], 1]);
  });

  it("survives a work that ends the transaction itself, and commits nothing of its neighbours", async () => {
    open();
    const first = reasonOf(database.transact(() => insert(1)));
    const second = rejection(database.transact(() => database.sqlite.exec("ROLLBACK")));
    assert.equal(await first, "unavailable DATABASE_UNAVAILABLE");
    assert.match(String(await second), /no such savepoint/);
    await database.transact(() => insert(3));
    assert.deepEqual(ids(), [3]);
  });

  it("refuses more than its queue may hold", async () => {
    open({ queueMax: 2 });
    const accepted = [database.transact(() => insert(1)), database.transact(() => insert(2))];
    assert.equal(await reasonOf(database.transact(() => insert(3))), "resource_exhausted DATABASE_OVERLOADED");
    await Promise.all(accepted);
    await database.transact(() => insert(4));
  });

  it("waits for another writer without stopping the event loop", async () => {
    open();
    const other = new BetterSqlite3(database.file);
    other.exec("BEGIN IMMEDIATE; INSERT INTO things (id) VALUES (1)");
    let isDone = false;
    const waiting = database
      .transact(() => insert(2))
      .then(() => {
        isDone = true;
      });
    for (let turn = 0; turn < 20; turn += 1) await nextTurn();
    assert.equal(isDone, false);
    other.exec("COMMIT");
    await waiting;
    assert.deepEqual(ids(), [1, 2]);
    other.close();
  });

  it("refuses those that have waited too long for another writer, and serves later ones", async () => {
    open({ busyWaitMaxMs: 30 });
    const other = new BetterSqlite3(database.file);
    other.exec("BEGIN IMMEDIATE");
    assert.equal(await reasonOf(database.transact(() => insert(1))), "unavailable DATABASE_BUSY");
    other.exec("ROLLBACK");
    await database.transact(() => insert(2));
    assert.deepEqual(ids(), [2]);
    other.close();
  });

  it("refuses all when the database cannot be used", async () => {
    open();
    const waiting = [1, 2].map((id) => reasonOf(database.transact(() => insert(id))));
    database.sqlite.close();
    assert.deepEqual(await Promise.all(waiting), Array(2).fill("unavailable DATABASE_UNAVAILABLE"));
    open();
  });

  it("neither joins nor commits a transaction that somebody left open", async () => {
    open();
    database.sqlite.exec("BEGIN; INSERT INTO things (id) VALUES (9)");
    assert.equal(await reasonOf(database.transact(() => insert(1))), "unavailable DATABASE_UNAVAILABLE");
    database.sqlite.exec("ROLLBACK");
    await database.transact(() => insert(2));
    assert.deepEqual(ids(), [2]);
  });

  it("finishes what is queued before it closes, and refuses what comes later", async () => {
    open({ batchMax: 1 });
    const works = [1, 2, 3].map((id) => database.transact(() => insert(id)));
    const closing = database.close();
    assert.equal(await reasonOf(database.transact(() => insert(4))), "unavailable DATABASE_CLOSED");
    await Promise.all([...works, closing, database.close()]);
    open();
    assert.deepEqual(ids(), [1, 2, 3]);
  });
});
