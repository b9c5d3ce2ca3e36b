import assert from "node:assert/strict";
import { fixedClock } from "@quartet/chassis/testing/clock";
import { afterEach, beforeEach, describe, it } from "mocha";
import { sessions as sessionTable } from "../storage/schema.ts";
import { openTestCommands, type TestCommands } from "../testing/open-commands.ts";

const ada = { email: "ada@example.org", password: "correct horse battery staple", displayName: "Ada" };
const [minuteMs, dayMs] = [60_000, 86_400_000];
const invalid = { kind: "unauthenticated", reason: "INVALID_REFRESH_TOKEN" };

describe("refreshSession", () => {
  const clock = fixedClock();
  let commands: TestCommands;
  let userId: string;

  beforeEach(async () => {
    commands = await openTestCommands(clock);
    userId = (await commands.createUser(ada, undefined)).id;
  });
  afterEach(() => commands.database.close());

  const rows = () => commands.database.orm.select().from(sessionTable).all();
  const revoked = () =>
    commands
      .published()
      .filter(({ type }) => type === "SessionRevoked")
      .map(({ event }) => event.reason);

  it("answers one of many who come with the same token at once, and ends the session for the others", async () => {
    const { refreshToken } = await commands.createSession(ada);
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => commands.refreshSession(refreshToken)));
    const [winner, ...more] = results.filter((result) => result.status === "fulfilled");
    assert.deepEqual([more.length, rows(), revoked()], [0, [], ["REASON_TOKEN_REUSED"]]);
    for (const { reason } of results.filter((result) => result.status === "rejected")) {
      assert.equal(reason.reason, invalid.reason);
    }
    await assert.rejects(commands.refreshSession(winner?.value.refreshToken ?? ""), invalid);
  });

  it("knows the very first token after a thousand renewals, and stores no more than at the start", async () => {
    const opened = await commands.createSession(ada);
    let { refreshToken } = opened;
    const size = () => JSON.stringify(rows()).length;
    const sizeBefore = size();
    // Every ten minutes for a week.
    for (let count = 0; count < 1_008; count++) {
      clock.advance(10 * minuteMs);
      refreshToken = (await commands.refreshSession(refreshToken)).refreshToken;
    }
    assert.equal(rows().length, 1);
    assert.ok(size() < sizeBefore + 10);
    await assert.rejects(commands.refreshSession(opened.refreshToken), invalid);
    await assert.rejects(commands.refreshSession(refreshToken), invalid);
    assert.deepEqual([rows(), revoked()], [[], ["REASON_TOKEN_REUSED"]]);
  });

  it("goes on from day to day and ends 90 days after the login", async () => {
    let { refreshToken } = await commands.createSession(ada);
    const left: number[] = [];
    for (let day = 20; day <= 80; day += 20) {
      clock.advance(20 * dayMs);
      const renewed = await commands.refreshSession(refreshToken);
      refreshToken = renewed.refreshToken;
      left.push((renewed.session.expireTime - clock.now()) / dayMs);
    }
    assert.deepEqual(left, [30, 30, 30, 10]);
    clock.advance(10 * dayMs);
    await assert.rejects(commands.refreshSession(refreshToken), invalid);
    assert.deepEqual(revoked(), []);
  });

  it("gives the caller what the user may do by now", async () => {
    const { refreshToken } = await commands.createSession(ada);
    await commands.setAdministrator(ada);
    await assert.rejects(commands.refreshSession(refreshToken), invalid);
    assert.deepEqual(revoked(), ["REASON_PASSWORD_CHANGED"]);
  });

  it("refuses the tokens of a deleted user, and of one whose many sessions are still being removed", async () => {
    const opened = await Promise.all(Array.from({ length: 150 }, () => commands.createSession(ada)));
    await commands.deleteUser(userId, undefined);
    assert.equal(rows().length, 50);
    for (const { refreshToken } of opened) await assert.rejects(commands.refreshSession(refreshToken), invalid);
    assert.equal(revoked().length, 100);
  });
});
