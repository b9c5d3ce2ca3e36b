import assert from "node:assert/strict";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { newId } from "@quartet/chassis/ids";
import { type FixedClock, fixedClock } from "@quartet/chassis/testing/clock";
import { inMemoryTransport } from "@quartet/chassis/testing/test-server";
import { User_Role } from "@quartet/proto/shop/user/v1/user_pb";
import { UserService } from "@quartet/proto/shop/user/v1/user_service_pb";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterEach, before, beforeEach, describe, it } from "mocha";
import type { PasswordHasher } from "../app/ports.ts";
import { createPasswordHasher } from "../security/password-hasher.ts";
import { sessions as sessionTable, users as userTable } from "../storage/schema.ts";
import type { TestCommands } from "../testing/open-commands.ts";
import { openTestRegistration } from "../testing/open-registration.ts";

describe("UserService", () => {
  const password = "correct horse battery staple";
  const minuteMs = 60_000;
  let passwords: PasswordHasher;
  let commands: TestCommands;
  let clock: FixedClock;
  let client: Client<typeof UserService>;

  before(async () => {
    passwords = await createPasswordHasher({ concurrentMax: 2, waitingMax: 100 });
  });

  beforeEach(async () => {
    clock = fixedClock();
    const { registrations, verifier, ...opened } = await openTestRegistration({ now: clock.now, passwords });
    commands = opened.commands;
    client = createClient(UserService, inMemoryTransport({ registrations, verifier }));
  });

  afterEach(() => commands.database.close());

  const ada = { email: "Ada@Example.org", password, displayName: "Ada" };
  const login = async (email: string, secret = password) => {
    const session = await client.createSession({ email, password: secret });
    return { session, options: { headers: { authorization: `Bearer ${session.accessToken}` } } };
  };
  const fails = (call: Promise<unknown>, code: Code, text: RegExp) =>
    assert.rejects(call, (error) => error instanceof ConnectError && error.code === code && text.test(error.message));

  it("creates a customer with the address in lower case and publishes no personal data", async () => {
    const user = await client.createUser(ada);
    assert.deepEqual([user.email, user.displayName, user.role], ["ada@example.org", "Ada", User_Role.CUSTOMER]);
    const events = commands.published();
    assert.deepEqual(
      events.map(({ type }) => type),
      ["UserCreated"],
    );
    // An id may have "ada" in it.
    assert.doesNotMatch(JSON.stringify(events).replaceAll(user.name, ""), /ada/i);
  });

  it("keeps passwords as argon2id with at least 19 MiB, two passes and one lane", async () => {
    await client.createUser(ada);
    const [row] = commands.database.orm.select().from(userTable).all();
    assert.match(row?.passwordHash ?? "", /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });

  it("lets an address have one account, in whatever case", async () => {
    await client.createUser(ada);
    await fails(client.createUser({ ...ada, email: "ADA@example.ORG" }), Code.AlreadyExists, /e-mail/);
  });

  it("creates once for a request id, and tells a repetition from another password", async () => {
    const request = { ...ada, requestId: newId() };
    const user = await client.createUser(request);
    assert.deepEqual(await client.createUser(request), user);
    await fails(client.createUser({ ...request, password: `${password}!` }), Code.AlreadyExists, /request_id/);
    await fails(client.createUser({ ...request, displayName: "Eve" }), Code.AlreadyExists, /request_id/);
  });

  it("logs in with a short-lived token that says who calls and nothing personal", async () => {
    const user = await client.createUser(ada);
    const { session } = await login("ada@example.org");
    const { alg, typ } = decodeProtectedHeader(session.accessToken);
    assert.deepEqual([alg, typ], ["ES256", "at+jwt"]);
    const claims = decodeJwt(session.accessToken);
    assert.deepEqual(
      [claims.iss, claims.aud, `users/${claims.sub}`, claims.role, `sessions/${claims.sid}`],
      ["quartet", "quartet", user.name, "customer", session.name],
    );
    assert.equal((claims.exp ?? 0) - (claims.iat ?? 0), 600);
    assert.deepEqual(Object.keys(claims).sort(), ["aud", "exp", "iat", "iss", "jti", "role", "sid", "sub"]);
  });

  it("keeps only the hash of a refresh token", async () => {
    await client.createUser(ada);
    const { session } = await login("ada@example.org");
    const [row] = commands.database.orm.select().from(sessionTable).all();
    assert.ok(session.refreshToken.length >= 43);
    assert.notEqual(row?.refreshTokenHash, session.refreshToken);
  });

  it("answers an unknown address and a wrong password alike", async () => {
    await client.createUser(ada);
    const answers = await Promise.all(
      [
        { email: "ada@example.org", password: "wrong" },
        { email: "nobody@example.org", password },
      ].map((request) =>
        client.createSession(request).then(
          () => assert.fail("logged in"),
          (error: ConnectError) => error,
        ),
      ),
    );
    assert.deepEqual(
      answers.map(({ code, message }) => [code, message]),
      [
        [Code.Unauthenticated, answers[0]?.message],
        [Code.Unauthenticated, answers[0]?.message],
      ],
    );
  });

  it("shows users themselves, by name or as me, and nobody else", async () => {
    const user = await client.createUser(ada);
    const stranger = await client.createUser({ ...ada, email: "eve@example.org" });
    const { options } = await login("ada@example.org");
    assert.deepEqual(await client.getUser({ name: "users/me" }, options), user);
    assert.deepEqual(await client.getUser({ name: user.name }, options), user);
    await fails(client.getUser({ name: stranger.name }, options), Code.NotFound, /does not exist/);
    await fails(client.getUser({ name: "users/none" }, options), Code.NotFound, /does not exist/);
    await fails(client.getUser({ name: user.name }), Code.Unauthenticated, /token/);
  });

  it("lets administrators see every user, and an access token end", async () => {
    const user = await client.createUser(ada);
    await commands.setAdministrator({ email: "Root@example.org", password });
    const { options } = await login("root@example.org");
    assert.deepEqual(await client.getUser({ name: user.name }, options), user);
    clock.advance(11 * minuteMs);
    await fails(client.getUser({ name: user.name }, options), Code.Unauthenticated, /expired/);
  });

  it("makes an existing user an administrator with a new password and ends their sessions", async () => {
    await client.createUser(ada);
    await login("ada@example.org");
    await commands.setAdministrator({ email: "ada@example.org", password: "another horse, another battery" });
    assert.deepEqual(commands.database.orm.select().from(sessionTable).all(), []);
    await fails(login("ada@example.org"), Code.Unauthenticated, /wrong/);
    const { session } = await login("ada@example.org", "another horse, another battery");
    assert.equal(decodeJwt(session.accessToken).role, "admin");
  });

  for (const [what, changes, field] of [
    ["without an address", { email: "nowhere" }, "email"],
    ["with a short password", { password: "fourteen chars" }, "password"],
    ["with an endless password", { password: "x".repeat(129) }, "password"],
    ["without a name", { displayName: "" }, "display_name"],
    ["with a request id that is none", { requestId: "first" }, "request_id"],
  ] as const) {
    it(`refuses an account ${what} and names the field`, async () => {
      await fails(client.createUser({ ...ada, ...changes }), Code.InvalidArgument, new RegExp(`${field}\\b`));
    });
  }
});
