import assert from "node:assert/strict";
import { fixedClock } from "@quartet/chassis/testing/clock";
import fc from "fast-check";
import { after, before, describe, it } from "mocha";
import { openTestCommands, type TestCommands, testLifetimes } from "../testing/open-commands.ts";
import type { OpenedSession } from "./create-session.ts";

const dayMs = 86_400_000;
const { refreshTokenLifetimeMs, sessionLifetimeMs } = testLifetimes;

type Step =
  | { readonly kind: "login" | "forge" | "removeEnded" }
  | { readonly kind: "renew" | "refresh" | "refreshTwice" | "logout" | "changePassword"; readonly pick: number }
  | { readonly kind: "wait"; readonly days: number };

const pick = fc.nat(1_000);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("login") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("forge") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("removeEnded") }) },
  { weight: 12, arbitrary: fc.record({ kind: fc.constant("renew"), pick }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("refresh"), pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("refreshTwice"), pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("logout"), pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("changePassword"), pick }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("wait"), days: fc.integer({ min: 0, max: 31 }) }) },
);

/** What must be true of a session, kept the simple way: with every token that it ever had. */
interface Expected {
  readonly id: string;
  readonly tokens: string[];
  readonly createTime: number;
  expireTime: number;
  endReason?: string;
}

describe("the sessions of a user", function () {
  this.timeout(60_000);
  const clock = fixedClock();
  let commands: TestCommands;
  let users = 0;

  before(async () => {
    commands = await openTestCommands({ now: clock.now, sessionsAtOnceMax: 1 });
  });
  after(() => commands.database.close());

  async function run(steps: readonly Step[]): Promise<void> {
    const email = `user${++users}@example.org`;
    let password = "correct horse battery staple";
    const { id: userId } = await commands.createUser({ email, password, displayName: "Ada" }, undefined);
    const family: Expected[] = [];
    const isLive = (session: Expected) => session.endReason === undefined && clock.now() < session.expireTime;
    const renewal = async (token: string): Promise<OpenedSession | "refused"> => {
      try {
        return await commands.refreshSession(token);
      } catch (error) {
        assert.equal((error as { reason?: string }).reason, "INVALID_REFRESH_TOKEN");
        return "refused";
      }
    };
    const expectRenewed = (session: Expected, opened: OpenedSession) => {
      session.tokens.push(opened.refreshToken);
      session.expireTime = Math.min(clock.now() + refreshTokenLifetimeMs, session.createTime + sessionLifetimeMs);
      const { id, expireTime, version } = opened.session;
      assert.deepEqual([id, expireTime, version], [session.id, session.expireTime, session.tokens.length]);
    };

    for (const step of steps) {
      const given = family.flatMap((session) => session.tokens.map((token) => ({ session, token })));
      const picked = "pick" in step && given.length > 0 ? given[step.pick % given.length] : undefined;
      if (step.kind === "removeEnded") await commands.sessions.removeEnded(1);
      if (step.kind === "wait") clock.advance(step.days * dayMs);
      if (step.kind === "forge") {
        const known = family.at(-1)?.id ?? userId;
        const forged = commands.refreshTokens.create(known, (family.at(-1)?.tokens.length ?? 0) + 1);
        for (const text of [forged.text, `${forged.text.slice(0, -1)}_`, "x"]) {
          assert.equal(await renewal(text), "refused");
        }
      }
      if (step.kind === "login") {
        const opened = await commands.createSession({ email, password });
        const { id, createTime, expireTime } = opened.session;
        assert.deepEqual([createTime, expireTime], [clock.now(), clock.now() + refreshTokenLifetimeMs]);
        family.push({ id, createTime, expireTime, tokens: [opened.refreshToken] });
      }
      if (picked === undefined) continue;
      const { session } = picked;
      const token = step.kind === "renew" ? (session.tokens.at(-1) ?? assert.fail()) : picked.token;
      const wasLive = isLive(session);
      const isCurrent = token === session.tokens.at(-1);
      if (step.kind === "refresh" || step.kind === "renew") {
        const result = await renewal(token);
        assert.equal(result !== "refused", wasLive && isCurrent);
        if (result !== "refused") expectRenewed(session, result);
        else if (wasLive) session.endReason = "REASON_TOKEN_REUSED";
      }
      if (step.kind === "refreshTwice") {
        const results = await Promise.all([renewal(token), renewal(token)]);
        const renewed = results.filter((result) => result !== "refused");
        assert.equal(renewed.length, wasLive && isCurrent ? 1 : 0);
        for (const result of renewed) expectRenewed(session, result);
        if (wasLive) session.endReason = "REASON_TOKEN_REUSED";
      }
      if (step.kind === "logout") {
        const ended = commands.deleteSession(session.id, (owner) => owner === userId);
        if (wasLive) await ended;
        else await assert.rejects(ended, { reason: "SESSION_NOT_FOUND" });
        if (wasLive) session.endReason = "REASON_LOGGED_OUT";
      }
      if (step.kind === "changePassword") {
        const input = { userId, currentPassword: password, sessionId: session.id };
        password = `${password}!`;
        await commands.changePassword({ ...input, newPassword: password });
        for (const other of family) {
          if (other !== session && isLive(other)) other.endReason = "REASON_PASSWORD_CHANGED";
        }
      }
      await check();
    }

    async function check(): Promise<void> {
      const query = { userId, time: clock.now(), afterId: undefined, limit: 1_000 };
      assert.deepEqual(
        (await commands.sessionQueries.list(query)).map(({ id }) => id).sort(),
        family
          .filter(isLive)
          .map(({ id }) => id)
          .sort(),
      );
      const count = commands.database.sqlite.prepare("SELECT count(*) FROM sessions WHERE user_id = ?").pluck();
      assert.ok(Number(count.get(userId)) <= family.length);
      // Events may follow a little later, each once, and never another one.
      const [wanted, told] = [toTell(), toldOf()];
      assert.ok(new Set(told).size === told.length && told.every((line) => wanted.includes(line)), `${told}`);
    }
    function toTell(): string[] {
      const ended = family.filter(({ endReason }) => endReason !== undefined);
      return ended.map(({ id, tokens, endReason }) => `sessions/${id} ${tokens.length + 1} ${endReason}`).sort();
    }
    function toldOf(): string[] {
      const ofUser = commands.published().filter(({ type, event }) => {
        return type === "SessionRevoked" && event.user === `users/${userId}`;
      });
      return ofUser.map(({ aggregate, version, event }) => `${aggregate} ${version} ${event.reason}`).sort();
    }
    await check();
    while (await commands.sessions.removeEnded(1));
    assert.deepEqual(toldOf(), toTell());
    commands.database.sqlite.exec("DELETE FROM outbox");
  }

  it("keep their rules whatever tokens come, in whatever order", async () => {
    await fc.assert(fc.asyncProperty(fc.array(anyStep, { maxLength: 40, size: "max" }), run), { numRuns: 150 });
  });
});
