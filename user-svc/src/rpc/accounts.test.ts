import assert from "node:assert/strict";
import { type CallOptions, type Client, createClient } from "@connectrpc/connect";
import { newId } from "@quartet/chassis/ids";
import { type FixedClock, fixedClock } from "@quartet/chassis/testing/clock";
import { inMemoryTransport } from "@quartet/chassis/testing/test-server";
import { type User, User_Role } from "@quartet/proto/shop/user/v1/user_pb";
import { UserService } from "@quartet/proto/shop/user/v1/user_service_pb";
import { afterEach, beforeEach, describe, it } from "mocha";
import { failureOf } from "../testing/failure-of.ts";
import type { TestCommands } from "../testing/open-commands.ts";
import { openTestRegistration } from "../testing/open-registration.ts";

const password = "correct horse battery staple";
const newPassword = "another horse, another battery";

describe("UserService, on accounts", () => {
  let clock: FixedClock;
  let commands: TestCommands;
  let client: Client<typeof UserService>;
  let ada: User;
  let asAda: CallOptions;
  let asRoot: CallOptions;

  const register = (name: string) => client.createUser({ email: `${name}@example.org`, displayName: name, password });
  const login = async (name: string, secret = password): Promise<CallOptions> => {
    const { accessToken } = await client.createSession({ email: `${name}@example.org`, password: secret });
    return { headers: { authorization: `Bearer ${accessToken}` } };
  };
  const types = () => commands.published().map(({ type }) => type);

  beforeEach(async () => {
    clock = fixedClock();
    const { registrations, verifier, ...opened } = await openTestRegistration({ now: clock.now });
    commands = opened.commands;
    client = createClient(UserService, inMemoryTransport({ registrations, verifier }));
    await commands.setAdministrator({ email: "root@example.org", password });
    ada = await register("ada");
    asAda = await login("ada");
    asRoot = await login("root");
  });
  afterEach(() => commands.database.close());

  describe("ListUsers", () => {
    const list = async (request: object, options = asRoot) => {
      const names: string[] = [];
      let pageToken = "";
      do {
        const page = await client.listUsers({ ...request, pageToken }, options);
        names.push(...page.users.map(({ displayName }) => displayName));
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      return names;
    };

    it("shows all accounts, newest first, and none that was deleted", async () => {
      for (const name of ["bob", "cy", "dot"]) await register(name);
      await client.deleteUser({ name: "users/me" }, await login("cy"));
      for (const pageSize of [1, 2, 50])
        assert.deepEqual(await list({ pageSize }), ["dot", "bob", "ada", "Administrator"]);
    });

    it("shows each account once though others come and go between the pages", async () => {
      for (const name of ["bob", "cy", "dot"]) await register(name);
      const first = await client.listUsers({ pageSize: 2 }, asRoot);
      await register("eve");
      await client.deleteUser({ name: "users/me" }, await login("cy"));
      const next = await client.listUsers({ pageSize: 2, pageToken: first.nextPageToken }, asRoot);
      assert.deepEqual(
        [first, next].map(({ users }) => users.map(({ displayName }) => displayName)),
        [
          ["dot", "cy"],
          ["bob", "ada"],
        ],
      );
    });

    it("finds an account by its address in whatever case, and none by a part of it", async () => {
      assert.deepEqual((await client.listUsers({ email: " ADA@Example.org" }, asRoot)).users, [ada]);
      for (const email of ["ada", "%", "eve@example.org"]) assert.deepEqual(await list({ email }), []);
    });

    it("takes a token for nothing but the list and the caller it was made for", async () => {
      await register("bob");
      const { nextPageToken: pageToken } = await client.listUsers({ pageSize: 1 }, asRoot);
      await commands.setAdministrator({ email: "boss@example.org", password });
      const invalid = { answer: "InvalidArgument INVALID_PAGE_TOKEN", fields: ["page_token"] };
      assert.deepEqual(await failureOf(client.listUsers({ pageToken }, await login("boss"))), invalid);
      assert.deepEqual(await failureOf(client.listUsers({ pageToken, email: "a@example.org" }, asRoot)), invalid);
      assert.deepEqual(await failureOf(client.listSessions({ pageToken }, asRoot)), invalid);
      assert.equal((await client.listUsers({ pageToken, pageSize: 100 }, asRoot)).users.length, 2);
    });
  });

  describe("UpdateUser", () => {
    const update = (user: object, paths?: string[], options = asAda) =>
      client.updateUser({ user: { name: ada.name, ...user }, updateMask: paths && { paths } }, options);

    it("takes the whole account back and changes what the mask names, nothing else", async () => {
      clock.advance(5_000);
      const changed = await update(
        { ...ada, displayName: "Ada L.", email: "Countess@example.org", role: User_Role.ADMIN, createTime: undefined },
        ["display_name"],
      );
      assert.notEqual(changed.etag, ada.etag);
      assert.deepEqual(changed, { ...ada, displayName: "Ada L.", updateTime: changed.updateTime, etag: changed.etag });
      assert.deepEqual(await client.getUser({ name: "users/me" }, asAda), changed);
    });

    for (const [what, paths, expected] of [
      ["what is not empty without a mask", undefined, ["new@example.org", "New"]],
      ["what is not empty with an empty mask", [], ["new@example.org", "New"]],
      ["both for *", ["*"], ["new@example.org", "New"]],
      ["only the address", ["email"], ["new@example.org", "ada"]],
      ["what is named twice", ["display_name", "display_name"], ["ada@example.org", "New"]],
    ] as const) {
      it(`changes ${what}`, async () => {
        const { email, displayName } = await update(
          { email: "New@example.org", displayName: "New" },
          paths && [...paths],
        );
        assert.deepEqual([email, displayName], expected);
      });
    }

    it("leaves the etag and publishes nothing when nothing changes", async () => {
      const before = types();
      for (const [user, paths] of [
        [{}, undefined],
        [{ email: "ADA@EXAMPLE.ORG" }, ["email"]],
        [{ ...ada }, ["*"]],
      ] as const) {
        assert.deepEqual(await update(user, paths && [...paths]), ada);
      }
      assert.deepEqual(types(), before);
    });

    it("knows the caller as me, and lets administrators change everybody", async () => {
      assert.equal((await update({ name: "users/me", displayName: "I" })).displayName, "I");
      assert.equal((await update({ displayName: "She" }, undefined, asRoot)).displayName, "She");
      await register("eve");
      const byEve = update({ displayName: "x" }, undefined, await login("eve"));
      assert.deepEqual(await failureOf(byEve), { answer: "NotFound USER_NOT_FOUND", fields: [] });
    });

    it("refuses an etag of before, also when nothing would change, and takes the present one", async () => {
      const { etag } = await update({ displayName: "Ada L.", etag: ada.etag });
      const stale = { answer: "Aborted ETAG_MISMATCH", fields: ["etag"] };
      assert.deepEqual(await failureOf(update({ displayName: "Ada", etag: ada.etag })), stale);
      assert.deepEqual(await failureOf(update({ displayName: "Ada L.", etag: ada.etag })), stale);
      assert.deepEqual(await failureOf(update({ etag: "never one" })), stale);
      await update({ displayName: "Ada", etag: `W/${etag}` });
    });

    it("refuses the address of somebody else, in whatever case", async () => {
      await register("bob");
      const taken = { answer: "AlreadyExists EMAIL_TAKEN", fields: ["user.email"] };
      assert.deepEqual(await failureOf(update({ email: "BOB@example.org" })), taken);
    });

    it("names every field that the mask would make empty", async () => {
      const cases = [
        [["display_name"], ["user.display_name"]],
        [["email"], ["user.email"]],
        [["*"], ["user.display_name", "user.email"]],
      ] as const;
      for (const [paths, fields] of cases) {
        assert.deepEqual(await failureOf(update({}, [...paths])), { answer: "InvalidArgument INVALID_FIELDS", fields });
      }
    });
  });

  describe("DeleteUser", () => {
    const notFound = { answer: "NotFound USER_NOT_FOUND", fields: [] };

    it("lets an account vanish for everybody, once", async () => {
      await client.deleteUser({ name: "users/me", etag: ada.etag }, asAda);
      assert.deepEqual(await failureOf(client.getUser({ name: ada.name }, asRoot)), notFound);
      assert.deepEqual(await failureOf(client.deleteUser({ name: ada.name }, asRoot)), notFound);
      const login = client.createSession({ email: ada.email, password });
      assert.equal((await failureOf(login)).answer, "Unauthenticated INVALID_CREDENTIALS");
      assert.deepEqual((await client.listUsers({ email: ada.email }, asRoot)).users, []);
    });

    it("leaves an access token that opens nothing of one's own", async () => {
      await client.deleteUser({ name: ada.name }, asAda);
      const user = { name: "users/me", displayName: "Ghost" };
      const passwords = { currentPassword: password, newPassword };
      for (const call of [
        () => client.getUser({ name: "users/me" }, asAda),
        () => client.updateUser({ user }, asAda),
        () => client.changePassword({ name: "users/me", ...passwords }, asAda),
        () => client.deleteUser({ name: "users/me" }, asAda),
      ]) {
        assert.deepEqual(await failureOf(call()), notFound);
      }
      assert.deepEqual((await client.listSessions({}, asAda)).sessions, []);
    });

    it("refuses an etag of before", async () => {
      await client.updateUser({ user: { name: ada.name, displayName: "Ada L." } }, asAda);
      const stale = await failureOf(client.deleteUser({ name: ada.name, etag: ada.etag }, asAda));
      assert.deepEqual(stale, { answer: "Aborted ETAG_MISMATCH", fields: ["etag"] });
      assert.equal((await client.getUser({ name: ada.name }, asAda)).displayName, "Ada L.");
    });

    it("answers the request that made the account as it answers for any account that is gone", async () => {
      const request = { email: "bob@example.org", displayName: "bob", password, requestId: newId() };
      await client.createUser(request);
      await client.deleteUser({ name: "users/me" }, await login("bob"));
      assert.deepEqual(await failureOf(client.createUser(request)), notFound);
      const { users } = await client.listUsers({ email: request.email }, asRoot);
      assert.deepEqual(users, []);
    });
  });

  describe("ChangePassword", () => {
    const change = (name: string, currentPassword: string, options: CallOptions) =>
      client.changePassword({ name, currentPassword, newPassword }, options);

    it("ends all sessions but the caller's and returns the account with another etag", async () => {
      await login("ada");
      const changed = await change("users/me", password, asAda);
      assert.notEqual(changed.etag, ada.etag);
      assert.equal((await client.listSessions({}, asAda)).sessions.length, 1);
      assert.equal((await failureOf(login("ada"))).answer, "Unauthenticated INVALID_CREDENTIALS");
      await login("ada", newPassword);
      assert.deepEqual(types().slice(-2), ["PasswordChanged", "SessionRevoked"]);
    });

    it("asks administrators for the current password of that user too, and ends all sessions then", async () => {
      await commands.setAdministrator({ email: "root@example.org", password: "a password of root's own" });
      asRoot = await login("root", "a password of root's own");
      const wrong = { answer: "InvalidArgument WRONG_PASSWORD", fields: ["current_password"] };
      assert.deepEqual(await failureOf(change(ada.name, "a password of root's own", asRoot)), wrong);
      await change(ada.name, password, asRoot);
      assert.deepEqual((await client.listSessions({}, asAda)).sessions, []);
      assert.equal((await client.listSessions({}, asRoot)).sessions.length, 1);
    });

    it("tells nobody else whether an account exists", async () => {
      await register("eve");
      const asEve = await login("eve");
      const answers = [ada.name, "users/none"].map((name) => failureOf(change(name, password, asEve)));
      for (const answer of await Promise.all(answers)) {
        assert.deepEqual(answer, { answer: "NotFound USER_NOT_FOUND", fields: [] });
      }
    });
  });
});
