import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { silentLogger } from "@quartet/chassis/log";
import { fixedClock } from "@quartet/chassis/testing/clock";
import { eventually } from "@quartet/chassis/testing/eventually";
import { afterEach, beforeEach, describe, it } from "mocha";
import { createHousekeeping } from "./housekeeping.ts";
import { endedEpochs, sessions as sessionTable } from "./storage/schema.ts";
import { openTestCommands, type TestCommands, testLifetimes } from "./testing/open-commands.ts";

const ada = { email: "ada@example.org", password: "correct horse battery staple", displayName: "Ada" };

describe("housekeeping", () => {
  const clock = fixedClock();
  let commands: TestCommands;

  beforeEach(async () => {
    commands = await openTestCommands({ now: clock.now, file: true });
  });
  afterEach(() => commands.database.close());

  /** Runs until something is true. */
  const runUntil = async (what: string, check: () => boolean) => {
    const workers = createHousekeeping({ ...commands, now: clock.now, log: silentLogger() });
    for (const worker of workers) worker.start();
    await eventually(what, check);
    await Promise.all(workers.map((worker) => worker.stop()));
  };
  const rows = () => commands.database.orm.select().from(sessionTable).all();
  const logIn = (count: number) => Promise.all(Array.from({ length: count }, () => commands.createSession(ada)));

  it("removes what has expired, however much, and nothing else", async () => {
    await commands.createUser(ada, undefined);
    await logIn(450);
    clock.advance(testLifetimes.refreshTokenLifetimeMs + 1);
    const [good] = await logIn(1);
    await runUntil("what has expired is removed", () => rows().length === 1);
    assert.equal(rows()[0]?.id, good?.session.id);
  });

  it("removes the rest of the sessions that ended with their user", async () => {
    const { id } = await commands.createUser(ada, undefined);
    await logIn(450);
    await commands.deleteUser(id, undefined);
    assert.equal(rows().length, 350);
    await runUntil("the rest is removed", () => rows().length === 0);
    assert.deepEqual(commands.database.orm.select().from(endedEpochs).all(), []);
    assert.equal(commands.published().filter(({ type }) => type === "SessionRevoked").length, 450);
  });

  it("empties the write-ahead log", async () => {
    await commands.createUser(ada, undefined);
    const size = () => statSync(`${commands.database.file}-wal`).size;
    assert.ok(size() > 0);
    await runUntil("the log is empty", () => size() === 0);
  });
});
