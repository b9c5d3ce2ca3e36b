import assert from "node:assert/strict";
import { type CallOptions, type Client, createClient } from "@connectrpc/connect";
import { type FixedClock, fixedClock } from "@quartet/chassis/testing/clock";
import { inMemoryTransport } from "@quartet/chassis/testing/test-server";
import type { Session } from "@quartet/proto/shop/user/v1/user_pb";
import { UserService } from "@quartet/proto/shop/user/v1/user_service_pb";
import { decodeJwt } from "jose";
import { afterEach, beforeEach, describe, it } from "mocha";
import { failureOf } from "../testing/failure-of.ts";
import type { TestCommands } from "../testing/open-commands.ts";
import { openTestRegistration } from "../testing/open-registration.ts";

const password = "correct horse battery staple";
const [minuteMs, dayMs] = [60_000, 86_400_000];

describe("UserService, on sessions", () => {
  let clock: FixedClock;
  let commands: TestCommands;
  let client: Client<typeof UserService>;

  beforeEach(async () => {
    clock = fixedClock();
    const { registrations, verifier, ...opened } = await openTestRegistration({ now: clock.now });
    commands = opened.commands;
    client = createClient(UserService, inMemoryTransport({ registrations, verifier }));
    for (const name of ["ada", "eve"]) {
      await client.createUser({ email: `${name}@example.org`, displayName: name, password });
    }
  });
  afterEach(() => commands.database.close());

  const login = (name = "ada") => client.createSession({ email: `${name}@example.org`, password });
  const by = ({ accessToken }: Session): CallOptions => ({ headers: { authorization: `Bearer ${accessToken}` } });
  const millis = (time: Session["createTime"]) => Number(time?.seconds) * 1_000;
  const notFound = { answer: "NotFound SESSION_NOT_FOUND", fields: [] };
  const invalid = { answer: "Unauthenticated INVALID_REFRESH_TOKEN", fields: [] };

  describe("RefreshSession", () => {
    it("returns the session with new tokens and later ends", async () => {
      const opened = await login();
      const openTime = clock.now();
      clock.advance(dayMs);
      const renewed = await client.refreshSession({ refreshToken: opened.refreshToken });
      assert.deepEqual([renewed.name, renewed.user, millis(renewed.createTime)], [opened.name, opened.user, openTime]);
      assert.equal(millis(renewed.refreshTime), clock.now());
      assert.equal(millis(renewed.accessTokenExpireTime), clock.now() + 10 * minuteMs);
      assert.equal(millis(renewed.refreshTokenExpireTime), clock.now() + 30 * dayMs);
      assert.notEqual(renewed.refreshToken, opened.refreshToken);
      const { sid, sub } = decodeJwt(renewed.accessToken);
      assert.deepEqual([`sessions/${sid}`, `users/${sub}`], [opened.name, opened.user]);
      assert.equal((await client.getUser({ name: "users/me" }, by(renewed))).name, opened.user);
    });

    it("ends the session when a used token comes, and answers as for any token that is none", async () => {
      const { refreshToken, name } = await login();
      const renewed = await client.refreshSession({ refreshToken });
      const other = await login();
      for (const used of [refreshToken, refreshToken, renewed.refreshToken, "x", refreshToken.slice(1), name]) {
        assert.deepEqual(await failureOf(client.refreshSession({ refreshToken: used })), invalid);
      }
      const { sessions } = await client.listSessions({}, by(renewed));
      assert.deepEqual(
        sessions.map((session) => session.name),
        [other.name],
      );
      await client.refreshSession({ refreshToken: other.refreshToken });
    });

    it("needs no access token, and minds none that has ended", async () => {
      const opened = await login();
      clock.advance(11 * minuteMs);
      assert.equal(
        (await failureOf(client.getUser({ name: "users/me" }, by(opened)))).answer,
        "Unauthenticated TOKEN_EXPIRED",
      );
      const { accessToken } = await client.refreshSession({ refreshToken: opened.refreshToken });
      await client.getUser({ name: "users/me" }, { headers: { authorization: `Bearer ${accessToken}` } });
    });

    it("renews nothing once the session has ended by itself", async () => {
      const { refreshToken } = await login();
      clock.advance(30 * dayMs);
      assert.deepEqual(await failureOf(client.refreshSession({ refreshToken })), invalid);
    });
  });

  describe("DeleteSession", () => {
    it("ends a session once, and leaves the access token until its end", async () => {
      const opened = await login();
      await client.deleteSession({ name: opened.name }, by(opened));
      assert.deepEqual(await failureOf(client.deleteSession({ name: opened.name }, by(opened))), notFound);
      assert.deepEqual(await failureOf(client.refreshSession({ refreshToken: opened.refreshToken })), invalid);
      assert.equal((await client.getUser({ name: "users/me" }, by(opened))).name, opened.user);
      const [event] = commands.published().slice(-1);
      assert.deepEqual([event?.aggregate, event?.event.reason], [opened.name, "REASON_LOGGED_OUT"]);
    });

    it("ends sessions elsewhere, and for administrators anybody's", async () => {
      const [here, elsewhere] = [await login(), await login()];
      await client.deleteSession({ name: elsewhere.name }, by(here));
      await commands.setAdministrator({ email: "root@example.org", password });
      await client.deleteSession({ name: here.name }, by(await login("root")));
      assert.deepEqual((await client.listSessions({}, by(here))).sessions, []);
    });

    it("knows no session of anybody else, and none that has ended by itself", async () => {
      const [opened, foreign] = [await login(), await login("eve")];
      assert.deepEqual(await failureOf(client.deleteSession({ name: foreign.name }, by(opened))), notFound);
      assert.deepEqual(await failureOf(client.deleteSession({ name: "sessions/none" }, by(opened))), notFound);
      assert.equal((await client.listSessions({}, by(foreign))).sessions.length, 1);
      clock.advance(30 * dayMs);
      const later = await login();
      assert.deepEqual(await failureOf(client.deleteSession({ name: opened.name }, by(later))), notFound);
    });
  });

  describe("ListSessions", () => {
    it("shows one's own that can be renewed, newest first, without secrets", async () => {
      const gone = await login();
      clock.advance(20 * dayMs);
      const [first, second] = [await login(), await login()];
      await login("eve");
      clock.advance(10 * dayMs);
      const renewed = await client.refreshSession({ refreshToken: first.refreshToken });
      await client.deleteSession({ name: second.name }, by(renewed));
      const last = await login();
      const { sessions } = await client.listSessions({}, by(last));
      assert.deepEqual(
        sessions,
        [last, renewed].map(({ accessTokenExpireTime, ...session }) => {
          assert.ok(accessTokenExpireTime !== undefined);
          return { ...session, accessToken: "", refreshToken: "" };
        }),
      );
      assert.ok(!sessions.some(({ name }) => name === gone.name));
    });

    it("shows administrators their own too, and nobody else's", async () => {
      await commands.setAdministrator({ email: "root@example.org", password });
      await login();
      const opened = await login("root");
      const { sessions } = await client.listSessions({}, by(opened));
      assert.deepEqual(
        sessions.map(({ name }) => name),
        [opened.name],
      );
    });

    it("shows each session once though others come and go between the pages", async () => {
      const opened: Session[] = [];
      for (let count = 0; count < 5; count++) opened.push(await login());
      const options = by(opened[0] ?? assert.fail());
      const names: string[] = [];
      let pageToken = "";
      do {
        const page = await client.listSessions({ pageSize: 2, pageToken }, options);
        names.push(...page.sessions.map(({ name }) => name));
        pageToken = page.nextPageToken;
        await login();
      } while (pageToken !== "");
      assert.deepEqual(names, opened.map(({ name }) => name).reverse());
    });

    it("takes a token of nobody else, nor of another list", async () => {
      const [opened] = [await login(), await login()];
      await login("eve");
      const { nextPageToken: pageToken } = await client.listSessions({ pageSize: 1 }, by(opened));
      const refused = { answer: "InvalidArgument INVALID_PAGE_TOKEN", fields: ["page_token"] };
      assert.deepEqual(await failureOf(client.listSessions({ pageToken }, by(await login("eve")))), refused);
      assert.deepEqual(await failureOf(client.listSessions({ pageToken: `${pageToken}A` }, by(opened))), refused);
      assert.equal((await client.listSessions({ pageToken }, by(await login()))).sessions.length, 1);
    });
  });
});
