import assert from "node:assert/strict";
import { fixedClock } from "@quartet/chassis/testing/clock";
import { afterEach, beforeEach, describe, it } from "mocha";
import { makeAdministrator } from "../domain/change-user.ts";
import { endSession } from "../domain/session.ts";
import { createUser } from "../domain/user.ts";
import { aSession, beginTime } from "../testing/builders.ts";
import { openTestCommands, type TestCommands } from "../testing/open-commands.ts";
import { endedEpochs, sessions as sessionTable } from "./schema.ts";

describe("the session store", () => {
  const clock = fixedClock(beginTime);
  let commands: TestCommands;

  beforeEach(async () => {
    commands = await openTestCommands(clock);
    const ada = {
      email: "ada@example.org",
      displayName: "Ada",
      passwordHash: "$argon2id$old",
      role: "CUSTOMER",
    } as const;
    await commands.users.create(ada.email, undefined, () => createUser(undefined, ada, "ada", beginTime));
  });
  afterEach(() => commands.database.close());

  const openMany = (ids: readonly string[], changes = {}) =>
    Promise.all(ids.map((id) => commands.sessions.open("ada", () => aSession({ id, ...changes }))));
  const ids = (count: number) => Array.from({ length: count }, (_, at) => `s${String(at).padStart(5, "0")}`);
  const stored = () => commands.database.orm.select().from(sessionTable).all();
  const revoked = () => commands.published().filter(({ type }) => type === "SessionRevoked");
  const newPassword = () =>
    commands.users.put("ada@example.org", (user) =>
      makeAdministrator(user ?? assert.fail(), "$argon2id$new", beginTime + 2_000),
    );

  it("keeps a session as it was decided, changes it and removes it", async () => {
    const session = aSession();
    assert.deepEqual(await commands.sessions.open("ada", () => session), session);
    const renewed = { ...session, version: 6, refreshTokenHash: "next" };
    await commands.sessions.update("s1", (found, user) => {
      assert.deepEqual([found, user?.id], [session, "ada"]);
      return { next: renewed, events: [] };
    });
    assert.deepEqual(stored(), [renewed]);
    await commands.sessions.update("s1", () => endSession(renewed, "LOGGED_OUT", beginTime));
    assert.deepEqual(
      [stored(), revoked().map(({ aggregate, version }) => [aggregate, version])],
      [[], [["sessions/s1", 7]]],
    );
  });

  it("ends thousands of sessions at once, and tells of each once in transactions of bounded size", async () => {
    await openMany(ids(1_050));
    await newPassword();
    assert.equal(revoked().length, 100);
    assert.equal(stored().length, 950);
    assert.deepEqual(await commands.sessionQueries.list({ userId: "ada", time: 0, afterId: undefined, limit: 10 }), []);

    let [rounds, told] = [0, 100];
    while (await commands.sessions.removeEnded(200)) {
      rounds += 1;
      assert.ok(revoked().length - told <= 200);
      told = revoked().length;
    }
    assert.deepEqual([rounds, stored(), commands.database.orm.select().from(endedEpochs).all()], [5, [], []]);
    assert.deepEqual(
      revoked()
        .map(({ aggregate }) => aggregate)
        .sort(),
      ids(1_050).map((id) => `sessions/${id}`),
    );
    assert.ok(revoked().every(({ event }) => event.reason === "REASON_PASSWORD_CHANGED"));
    assert.equal(await commands.sessions.removeEnded(200), false);
  });

  it("says of each of several epochs why it ended", async () => {
    await openMany(ids(150));
    await newPassword();
    await openMany(["later"], { epoch: 2 });
    await commands.deleteUser("ada", undefined);
    while (await commands.sessions.removeEnded(20));
    const reasons = revoked().map(({ aggregate, event }) => [aggregate === "sessions/later", event.reason]);
    assert.equal(reasons.length, 151);
    for (const [isLater, reason] of reasons) {
      assert.equal(reason, isLater ? "REASON_USER_DELETED" : "REASON_PASSWORD_CHANGED");
    }
  });

  it("does not tell of sessions that had expired when their epoch ended", async () => {
    await openMany(["expired"], { expireTime: beginTime + 2_000 });
    await openMany(["good"], { expireTime: beginTime + 2_001 });
    await newPassword();
    assert.deepEqual([revoked().map(({ aggregate }) => aggregate), stored()], [["sessions/good"], []]);
  });

  it("removes what has expired, a slice at a time", async () => {
    await openMany(ids(3), { expireTime: beginTime + 2_000 });
    await openMany(["good"]);
    const removed: number[] = [];
    for (const time of [beginTime + 2_000, beginTime + 2_001, beginTime + 2_001]) {
      removed.push(await commands.sessions.removeExpired(time, 2));
    }
    assert.deepEqual([removed, stored().map(({ id }) => id)], [[0, 2, 1], ["good"]]);
    assert.deepEqual(revoked(), []);
  });

  it("lists a page of what can be renewed without reading the rest of the user's sessions", () => {
    const plan = commands.database.sqlite
      .prepare(
        "EXPLAIN QUERY PLAN SELECT * FROM sessions WHERE user_id = ? AND epoch = ? AND expire_time > ? AND id < ? " +
          "ORDER BY id DESC LIMIT 50",
      )
      .all("ada", 1, 0, "s") as { detail: string }[];
    assert.deepEqual(
      plan.map(({ detail }) => detail),
      ["SEARCH sessions USING INDEX sessions_by_user (user_id=? AND epoch=? AND id<?)"],
    );
  });
});
