import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { aSession, aUser, beginTime } from "../testing/builders.ts";
import { isLive, openSession, renewSession, type Session } from "./session.ts";
import type { User } from "./user.ts";

const lifetimes = { refreshTokenLifetimeMs: 100, sessionLifetimeMs: 250 };
const open = (user: User | undefined, checked: User) =>
  openSession(user, { id: "s1", checked, refreshTokenHash: "h1" }, 1_000, lifetimes);

describe("openSession", () => {
  it("opens a session of the user's epoch for as long as it lasts without renewal", () => {
    assert.deepEqual(open(aUser({ sessionEpoch: 7 }), aUser({ sessionEpoch: 7 })), {
      id: "s1",
      userId: "ada",
      epoch: 7,
      version: 1,
      refreshTokenHash: "h1",
      createTime: 1_000,
      refreshTime: 1_000,
      expireTime: 1_100,
    });
  });

  it("opens none for a password that was changed while it was checked, nor for a user who is gone", () => {
    assert.throws(() => open(aUser({ sessionEpoch: 2 }), aUser()), { reason: "INVALID_CREDENTIALS" });
    assert.throws(() => open(undefined, aUser()), { reason: "INVALID_CREDENTIALS" });
  });
});

describe("renewSession", () => {
  const token = { generation: 5, hash: "current", nextHash: "next" };
  const renew = (
    session: Session | undefined,
    tokens: Partial<typeof token> = {},
    now = beginTime + 2_000,
    user: User | undefined = aUser(),
  ) => renewSession(session, user, { ...token, ...tokens }, now, lifetimes);

  it("moves the end on, with another token and one version more", () => {
    const session = aSession({ createTime: beginTime + 1_900 });
    const now = beginTime + 2_000;
    assert.deepEqual(renew(session).next, {
      ...session,
      version: 6,
      refreshTokenHash: "next",
      refreshTime: now,
      expireTime: now + 100,
    });
  });

  it("never moves the end beyond the whole lifetime, and renews nothing after it", () => {
    let session = open(aUser(), aUser());
    const ends: number[] = [];
    for (let time = 1_050; time < 1_250; time += 50) {
      const { next } = renew(session, { generation: session.version, hash: session.refreshTokenHash }, time);
      assert.notEqual(next, session);
      session = next ?? assert.fail("the session ended");
      ends.push(session.expireTime);
    }
    assert.deepEqual(ends, [1_150, 1_200, 1_250, 1_250]);
    assert.equal(renew(session, { generation: session.version, hash: "next" }, 1_250).next, session);
  });

  it("renews nothing for longer than sessions last by now, whatever was promised before", () => {
    const session = aSession({ createTime: beginTime, expireTime: beginTime + 100_000 });
    assert.equal(renew(session, {}, beginTime + 250).next, session);
  });

  it("goes on when the clock was set back", () => {
    const session = aSession({ createTime: beginTime + 1_000, refreshTime: beginTime + 1_100 });
    const { next } = renew(session, {}, beginTime + 500);
    assert.deepEqual([next?.refreshTime, next?.expireTime], [beginTime + 1_100, beginTime + 1_200]);
  });

  for (const generation of [1, 4]) {
    it(`ends the session when the token of generation ${generation} comes again`, () => {
      const now = beginTime + 2_000;
      assert.deepEqual(renew(aSession(), { generation, hash: "old" }), {
        next: undefined,
        events: [{ kind: "revoked", sessionId: "s1", userId: "ada", version: 6, reason: "TOKEN_REUSED", time: now }],
      });
    });
  }

  it("changes nothing for a token that is not the session's, though it claims to be newer", () => {
    const session = aSession();
    for (const tokens of [{ hash: "other" }, { generation: 6 }, { generation: 6, hash: "other" }]) {
      assert.deepEqual(renew(session, tokens), { next: session, events: [] });
    }
  });

  it("changes nothing of a session that has ended, not even by a used token", () => {
    const session = aSession();
    const late = beginTime + 100_000;
    for (const generation of [4, 5]) {
      assert.deepEqual(renew(session, { generation }, late), { next: session, events: [] });
      const other = aUser({ sessionEpoch: 2 });
      assert.deepEqual(renew(session, { generation }, beginTime, other), { next: session, events: [] });
      assert.deepEqual(renew(undefined, { generation }), { next: undefined, events: [] });
    }
  });
});

describe("isLive", () => {
  it("holds until the session expires, and while its user has its epoch", () => {
    const session = aSession();
    assert.equal(isLive(session, aUser(), session.expireTime - 1), true);
    assert.equal(isLive(session, aUser(), session.expireTime), false);
    assert.equal(isLive(session, aUser({ sessionEpoch: 2 }), beginTime), false);
    assert.equal(isLive(session, undefined, beginTime), false);
  });
});
