import assert from "node:assert/strict";
import { requestClaims } from "@quartet/chassis/storage/schema";
import { fixedClock } from "@quartet/chassis/testing/clock";
import { afterEach, beforeEach, describe, it } from "mocha";
import { deletedUsers, sessions as sessionTable, users as userTable } from "../storage/schema.ts";
import { openTestCommands, type TestCommands } from "../testing/open-commands.ts";

const ada = { email: "ada@example.org", password: "correct horse battery staple", displayName: "Ada" };
const request = { caller: "anonymous", method: "CreateUser", requestId: "r1", hash: "h1" };

describe("deleteUser", () => {
  const clock = fixedClock();
  let commands: TestCommands;
  let userId: string;

  beforeEach(async () => {
    commands = await openTestCommands(clock);
    userId = (await commands.createUser(ada, request)).id;
  });
  afterEach(() => commands.database.close());

  const types = () => commands.published().map(({ type, aggregate, version }) => [type, aggregate, version]);

  it("removes account and sessions, keeps id and version, and tells of it last", async () => {
    const { session } = await commands.createSession(ada);
    await commands.updateUser(userId, { displayName: "Ada L." }, undefined);
    await commands.deleteUser(userId, 2);
    const { orm } = commands.database;
    assert.deepEqual([orm.select().from(userTable).all(), orm.select().from(sessionTable).all()], [[], []]);
    assert.deepEqual(orm.select().from(deletedUsers).all(), [
      { id: userId, version: 3, deleteTime: clock.now(), vacuumTime: null },
    ]);
    assert.deepEqual(types(), [
      ["UserCreated", `users/${userId}`, 1],
      ["UserUpdated", `users/${userId}`, 2],
      ["UserDeleted", `users/${userId}`, 3],
      ["SessionRevoked", `sessions/${session.id}`, 2],
    ]);
    assert.equal(commands.published().at(-1)?.event.reason, "REASON_USER_DELETED");
  });

  it("happens once, also when it is asked for several times at once", async () => {
    const results = await Promise.allSettled([1, 2, 3].map(() => commands.deleteUser(userId, undefined)));
    assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "rejected", "rejected"]);
    await assert.rejects(commands.deleteUser(userId, undefined), { kind: "not_found", reason: "USER_NOT_FOUND" });
    assert.deepEqual(
      types().map(([type]) => type),
      ["UserCreated", "UserDeleted"],
    );
  });

  it("refuses a version that is not the present one, and deletes nothing", async () => {
    await assert.rejects(commands.deleteUser(userId, 2), { kind: "aborted", reason: "ETAG_MISMATCH" });
    assert.equal((await commands.queries.get(userId))?.version, 1);
  });

  it("brings nobody back when the request that made the account comes again, whatever it asks for", async () => {
    await commands.deleteUser(userId, undefined);
    for (const hash of ["h1", "h2"]) {
      await assert.rejects(commands.createUser(ada, { ...request, hash }), { reason: "USER_NOT_FOUND" });
    }
    assert.deepEqual(commands.database.orm.select().from(userTable).all(), []);
    assert.deepEqual(
      commands.database.orm
        .select()
        .from(requestClaims)
        .all()
        .map(({ hash, resource }) => [hash, resource]),
      [["forgotten", userId]],
    );
  });

  it("frees the address for another account", async () => {
    await commands.deleteUser(userId, undefined);
    const next = await commands.createUser(ada, { ...request, requestId: "r2" });
    assert.notEqual(next.id, userId);
    assert.deepEqual(await commands.createUser(ada, { ...request, requestId: "r2" }), next);
  });

  it("lets nobody log in any more, not even who is being checked at the moment", async () => {
    const login = commands.createSession(ada);
    const deletion = commands.deleteUser(userId, undefined);
    const [opened] = await Promise.allSettled([login, deletion]);
    if (opened.status === "fulfilled") {
      await assert.rejects(commands.refreshSession(opened.value.refreshToken), { reason: "INVALID_REFRESH_TOKEN" });
    } else {
      assert.equal(opened.reason.reason, "INVALID_CREDENTIALS");
    }
    await assert.rejects(commands.createSession(ada), { reason: "INVALID_CREDENTIALS" });
    assert.deepEqual(commands.database.orm.select().from(sessionTable).all(), []);
  });
});
