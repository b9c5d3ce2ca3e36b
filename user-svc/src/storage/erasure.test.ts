import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { openDatabase } from "@quartet/chassis/storage/database";
import { fixedClock } from "@quartet/chassis/testing/clock";
import { afterEach, beforeEach, describe, it } from "mocha";
import { openTestCommands, type TestCommands } from "../testing/open-commands.ts";
import { emptyLog, vacuumAfterDeletions } from "./erasure.ts";
import { deletedUsers, users } from "./schema.ts";

const password = "correct horse battery staple";

describe("the erasure of accounts", () => {
  const clock = fixedClock();
  let commands: TestCommands;

  beforeEach(async () => {
    commands = await openTestCommands({ now: clock.now, file: true });
  });
  afterEach(() => commands.database.close());

  /** Bytes of the database, of its log and of its shared memory, as far as they are there. */
  const bytes = () =>
    ["", "-wal", "-shm"]
      .map((suffix) => commands.database.file + suffix)
      .filter((file) => existsSync(file))
      .map((file) => readFileSync(file).toString("latin1"))
      .join("\n");
  const register = (count: number) =>
    Promise.all(
      Array.from({ length: count }, (_, at) =>
        commands.createUser(
          {
            email: `mail${at}.${"x".repeat(at % 17)}@example.org`,
            displayName: `Name${at}.`,
            password: `${password}${at}.`,
          },
          { caller: "anonymous", method: "CreateUser", requestId: `r${at}`, hash: `Claim${at}.` },
        ),
      ),
    );
  const tracesOf = (at: number) => [`mail${at}.`, `Name${at}.`, `${password}${at}.`, `Claim${at}.`];

  it("leaves nothing of them in any file, once the log is empty", async () => {
    const [ada] = await register(3);
    await commands.updateUser(ada?.id ?? "", { displayName: "Countess" }, undefined);
    await commands.createSession({ email: ada?.email ?? "", password: `${password}0.` });
    emptyLog(commands.database);
    assert.ok(["mail0.", "Countess", `${password}0.`, "Claim0."].every((trace) => bytes().includes(trace)));

    await commands.deleteUser(ada?.id ?? "", undefined);
    emptyLog(commands.database);
    const left = bytes();
    for (const trace of [...tracesOf(0), "Countess"]) assert.ok(!left.includes(trace), trace);
    for (const trace of tracesOf(1)) assert.ok(left.includes(trace), trace);
  });

  it("leaves nothing of copies that SQLite made of rows either, once the file is rewritten", async () => {
    const registered = await register(300);
    // Rows that grow make pages split, and what was in the other half stays where it was.
    await Promise.all(registered.map(({ id }) => commands.updateUser(id, { displayName: "x".repeat(100) }, undefined)));
    emptyLog(commands.database);
    const before = bytes();
    const copied = registered.map((_, at) => at).filter((at) => before.split(`mail${at}.`).length - 1 > 2);
    assert.ok(copied.length > 0, "SQLite made no copies");
    await Promise.all(copied.map((at) => commands.deleteUser(registered[at]?.id ?? "", undefined)));
    clock.advance(1);
    assert.equal(await vacuumAfterDeletions(commands.database, clock.now()), true);
    const left = bytes();
    for (const trace of copied.flatMap(tracesOf)) assert.ok(!left.includes(trace), trace);
  });

  it("rewrites the file under another process, which goes on", async () => {
    const [ada, bob] = await register(2);
    const other = openDatabase({ file: commands.database.file });
    const names = other.orm.select().from(users).orderBy(users.id);
    assert.equal(names.all().length, 2);
    await commands.deleteUser(ada?.id ?? "", undefined);
    clock.advance(1);
    assert.equal(await vacuumAfterDeletions(commands.database, clock.now()), true);
    await other.transact(() => other.orm.update(users).set({ displayName: "Bob" }).run());
    assert.deepEqual(
      names.all().map(({ id, displayName }) => [id, displayName]),
      [[bob?.id, "Bob"]],
    );
    await other.close();
  });

  it("rewrites the file once for the accounts that were deleted before", async () => {
    const [ada, bob] = await register(2);
    assert.equal(await vacuumAfterDeletions(commands.database, clock.now()), false);
    await commands.deleteUser(ada?.id ?? "", undefined);
    const deleteTime = clock.now();
    clock.advance(1);
    assert.equal(await vacuumAfterDeletions(commands.database, clock.now()), true);
    assert.equal(await vacuumAfterDeletions(commands.database, clock.now()), false);
    await commands.deleteUser(bob?.id ?? "", undefined);
    clock.advance(1);
    assert.equal(await vacuumAfterDeletions(commands.database, clock.now()), true);
    assert.deepEqual(
      commands.database.orm.select().from(deletedUsers).orderBy(deletedUsers.deleteTime).all(),
      [ada, bob].map((user, at) => ({
        id: user?.id,
        version: 2,
        deleteTime: deleteTime + at,
        vacuumTime: deleteTime + at + 1,
      })),
    );
  });
});
