import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, it } from "mocha";
import { startTestProcess, type TestProcess } from "../testing/child-process.ts";
import { eventually } from "../testing/eventually.ts";
import { createLeaderLock, type LeaderLock } from "./leader-lock.ts";

const childFile = new URL("leader-lock.test-child.ts", import.meta.url);

describe("leader lock", () => {
  let folder: string;
  let file: string;
  let locks: LeaderLock[];
  let children: TestProcess[];
  let errors: unknown[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "quartet-"));
    file = join(folder, "test.sqlite");
    locks = [];
    children = [];
    errors = [];
  });
  afterEach(async () => {
    await Promise.all([...locks.map((lock) => lock.stop()), ...children.map((child) => child.kill())]);
    rmSync(folder, { recursive: true });
  });
  const createLock = (lockFile = file) => {
    const lock = createLeaderLock({ file: lockFile, onError: (error) => errors.push(error), retryIntervalMs: 5 });
    locks.push(lock);
    return lock;
  };
  const startChild = () => {
    const child = startTestProcess(childFile, [file]);
    children.push(child);
    return child;
  };
  const nextChange = (lock: LeaderLock) => new Promise<boolean>((resolve) => lock.onChange(resolve));

  it("makes the first one leader at once", () => {
    const lock = createLock();
    const changes: boolean[] = [];
    lock.onChange((leader) => changes.push(leader));
    assert.equal(lock.isLeader, false);
    lock.start();
    lock.start();
    assert.equal(lock.isLeader, true);
    assert.deepEqual(changes, [true]);
  });

  it("lets one lead, and the next one when it stops", async () => {
    const [first, second] = [createLock(), createLock()];
    first.start();
    second.start();
    assert.deepEqual([first.isLeader, second.isLeader], [true, false]);
    const [lost, won] = [nextChange(first), nextChange(second)];
    await first.stop();
    assert.deepEqual([await lost, await won], [false, true]);
    assert.deepEqual([first.isLeader, second.isLeader], [false, true]);
    first.start();
    assert.equal(first.isLeader, false);
  });

  it("passes to another process when the leader is killed", async () => {
    const child = startChild();
    assert.equal(await child.nextLine(), "leads");
    const lock = createLock();
    lock.start();
    assert.equal(lock.isLeader, false);
    const won = nextChange(lock);
    await child.kill();
    assert.equal(await won, true);
    const next = startChild();
    await lock.stop();
    assert.equal(await next.nextLine(), "leads");
  });

  it("stops trying when it is stopped", async () => {
    const [first, second] = [createLock(), createLock()];
    first.start();
    second.start();
    second.onChange(() => assert.fail("changed"));
    await second.stop();
    await first.stop();
    const third = createLock();
    third.start();
    assert.deepEqual([second.isLeader, third.isLeader], [false, true]);
  });

  it("leads alone in memory", () => {
    const [first, second] = [createLock(":memory:"), createLock(":memory:")];
    first.start();
    second.start();
    assert.deepEqual([first.isLeader, second.isLeader], [true, true]);
  });

  it("tells once why it cannot try, and leads when it can", async () => {
    const [first, second] = [createLock(), createLock()];
    first.start();
    second.start();
    writeFileSync(`${file}.lock`, "no database".repeat(100));
    await first.stop();
    await eventually("it is told", () => errors.length > 0);
    await delay(50);
    assert.deepEqual(errors.map(String), ["SqliteError: file is not a database"]);
    assert.equal(second.isLeader, false);
    writeFileSync(`${file}.lock`, "");
    await eventually("it leads", () => second.isLeader);
  });

  it("says so when the lock file cannot be made", () => {
    assert.throws(() => createLock(join(folder, "none", "x.sqlite")).start(), /directory does not exist/);
  });
});
