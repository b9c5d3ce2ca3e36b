import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { DescMessage } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { createLocalKeySet } from "@quartet/chassis/auth/key-set";
import { createTokenVerifier } from "@quartet/chassis/auth/token-verifier";
import { newId } from "@quartet/chassis/ids";
import { errorInfoOf } from "@quartet/chassis/rpc/error-details";
import { openDatabase } from "@quartet/chassis/storage/database";
import { type BrokerStage, createMemoryStage, createRabbitMqStage } from "@quartet/chassis/testing/broker-stages";
import { eventually } from "@quartet/chassis/testing/eventually";
import { assertLeavesNothing } from "@quartet/chassis/testing/leaves-nothing";
import { type Neighbour, startNeighbour } from "@quartet/chassis/testing/neighbour";
import { startRabbitMqEarly } from "@quartet/chassis/testing/rabbitmq";
import { createServiceHome, type RunningService, type ServiceHome } from "@quartet/chassis/testing/service-home";
import {
  SessionRevoked_Reason,
  SessionRevokedSchema,
  UserCreatedSchema,
  UserDeletedSchema,
} from "@quartet/proto/shop/user/v1/user_events_pb";
import { UserService } from "@quartet/proto/shop/user/v1/user_service_pb";
import type { JSONWebKeySet } from "jose";
import { afterEach, beforeEach, describe, it } from "mocha";
import { readUserConfig } from "./config.ts";
import { createService } from "./service.ts";

const password = "correct horse battery staple";
const ada = { email: "ada@example.org", password, displayName: "Ada" };

const bearer = (accessToken: string) => ({ authorization: `Bearer ${accessToken}` });

function describeService(broker: string, createStage: () => Promise<BrokerStage>): void {
  describe(`user-svc with ${broker}`, function () {
    // A first RabbitMQ takes its time to start.
    this.timeout(90_000);

    let stage: BrokerStage;
    let home: ServiceHome<typeof UserService>;
    let neighbour: Neighbour;
    let service: RunningService<typeof UserService>;

    beforeEach(async () => {
      stage = await createStage();
      home = createServiceHome({
        name: "user-svc",
        service: UserService,
        create: (environment, overrides) => createService(readUserConfig(environment), overrides),
      });
      neighbour = await startNeighbour(stage, "user-svc");
      service = await home.start(stage);
    });
    afterEach(async () => {
      await home.remove();
      await neighbour.stop();
      await stage.stop();
    });

    const logIn = async (secret = password) => {
      const { accessToken } = await service.client.createSession({ email: ada.email, password: secret });
      return bearer(accessToken);
    };
    const me = (headers: Record<string, string>) => service.client.getUser({ name: "users/me" }, { headers });
    const jwks = async () => (await (await fetch(`${service.httpUrl}/.well-known/jwks.json`)).json()) as JSONWebKeySet;
    const refused = (call: Promise<unknown>, reason: string) =>
      assert.rejects(call, (error) => errorInfoOf(ConnectError.from(error))?.reason === reason);
    const heard = async <D extends DescMessage>(schema: D, count: number) => {
      await eventually(`${count} ${schema.name}`, () => neighbour.heardOf(schema).length === count);
      return neighbour.heardOf(schema);
    };
    const told = (count: number) =>
      eventually("the accounts are told of", () => neighbour.heardOf(UserCreatedSchema).length === count);

    it("lets a customer in by gRPC and by Connect alike", async () => {
      const user = await service.client.createUser(ada);
      const login = await service.post("CreateSession", { email: ada.email, password });
      assert.equal(login.status, 200);
      const { accessToken } = (await login.json()) as { accessToken: string };
      assert.deepEqual(await me(bearer(accessToken)), user);
      const response = await service.post("GetUser", { name: "users/me" }, bearer(accessToken));
      assert.equal(((await response.json()) as { etag: string }).etag, user.etag);
      assert.equal((await service.post("GetUser", { name: "users/me" })).status, 401);
    });

    it("shows the keys that its tokens verify with, and nothing private of them", async () => {
      const user = await service.client.createUser(ada);
      const { accessToken } = await service.client.createSession(ada);
      const shown = await jwks();
      assert.deepEqual(
        shown.keys.map((key) => Object.keys(key).sort()),
        [["alg", "crv", "kid", "kty", "use", "x", "y"]],
      );
      const keys = createLocalKeySet(shown);
      const verifier = createTokenVerifier({ keys, issuer: "quartet", audience: "quartet", now: Date.now });
      const { userId, role } = await verifier.verify(accessToken);
      assert.deepEqual([`users/${userId}`, role], [user.name, "customer"]);
    });

    it("tells once of an account that was asked for twice", async () => {
      const request = { ...ada, requestId: newId() };
      const [one, other] = await Promise.all([service.client.createUser(request), service.client.createUser(request)]);
      assert.equal(one.name, other.name);
      const next = await service.client.createUser({ ...ada, email: "eve@example.org" });
      await told(2);
      assert.deepEqual(
        neighbour.heardOf(UserCreatedSchema).map(({ user }) => user),
        [one.name, next.name],
      );
    });

    it("keeps accounts, keys and request ids over a restart, and tells what it could not tell", async () => {
      const request = { ...ada, requestId: newId() };
      await stage.setUp(false);
      const user = await service.client.createUser(request);
      const headers = await logIn();
      const keys = await jwks();
      await service.stop();

      service = await home.start(stage);
      await stage.setUp(true);
      await told(1);
      assert.deepEqual(await jwks(), keys);
      assert.deepEqual(await me(headers), user);
      assert.deepEqual(await service.client.createUser(request), user);
      assert.deepEqual(await me(await logIn()), user);
    });

    it("serves without a broker from the start, and tells all of it when there is one", async () => {
      await service.stop();
      await stage.setUp(false);
      service = await home.start(stage);
      const user = await service.client.createUser(ada);
      assert.deepEqual(await me(await logIn()), user);
      assert.equal((await fetch(`${service.httpUrl}/readyz`)).status, 200);
      await stage.setUp(true);
      await told(1);
      assert.equal(neighbour.heardOf(UserCreatedSchema)[0]?.user, user.name);
    });

    it("renews sessions over a restart, and knows the used tokens of before", async () => {
      const user = await service.client.createUser(ada);
      const opened = await service.client.createSession(ada);
      const renewed = await service.client.refreshSession({ refreshToken: opened.refreshToken });
      await service.stop();

      service = await home.start(stage);
      const again = await service.client.refreshSession({ refreshToken: renewed.refreshToken });
      assert.deepEqual([again.name, again.user], [opened.name, user.name]);
      await refused(service.client.refreshSession({ refreshToken: opened.refreshToken }), "INVALID_REFRESH_TOKEN");
      await refused(service.client.refreshSession({ refreshToken: again.refreshToken }), "INVALID_REFRESH_TOKEN");
      const [event] = await heard(SessionRevokedSchema, 1);
      assert.deepEqual([event?.session, event?.reason], [opened.name, SessionRevoked_Reason.TOKEN_REUSED]);
    });

    it("lets one of two processes renew a session by the same token", async () => {
      await service.client.createUser(ada);
      const twin = await home.start(stage);
      for (let round = 0; round < 5; round++) {
        const { refreshToken } = await service.client.createSession(ada);
        const calls = [service, twin, service, twin].map(({ client }) => client.refreshSession({ refreshToken }));
        const results = await Promise.allSettled(calls);
        assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
      }
      await heard(SessionRevokedSchema, 5);
    });

    it("tells of all that happens to an account, each with a higher version, and of its end last", async () => {
      const { name } = await service.client.createUser(ada);
      const headers = await logIn();
      const user = { name: "users/me", displayName: "Ada L." };
      await service.client.updateUser({ user }, { headers });
      await service.post("UpdateUser", { user: { ...user, displayName: "Ada" }, updateMask: "displayName" }, headers);
      const passwords = { currentPassword: password, newPassword: `${password}!` };
      await service.client.changePassword({ name, ...passwords }, { headers });
      assert.equal((await service.post("DeleteUser", { name: "users/me" }, headers)).status, 200);
      await heard(SessionRevokedSchema, 1);
      await heard(UserDeletedSchema, 1);
      assert.deepEqual(
        neighbour.heard
          .filter(({ aggregate }) => aggregate === name)
          .map(({ type, version }) => [type.split(".").at(-1), version]),
        [
          ["UserCreated", 1],
          ["UserUpdated", 2],
          ["UserUpdated", 3],
          ["PasswordChanged", 4],
          ["UserDeleted", 5],
        ],
      );
    });

    it("forgets a deleted account: after a restart it is in no file, and its request makes no other", async () => {
      const request = { ...ada, displayName: "Countess of Lovelace", requestId: newId() };
      await service.client.createUser(request);
      await service.client.createUser({ ...ada, email: "eve@example.org", displayName: "Eve" });
      const { accessToken, refreshToken } = await service.client.createSession(ada);
      await service.client.deleteUser({ name: "users/me" }, { headers: bearer(accessToken) });
      await heard(UserDeletedSchema, 1);
      await service.stop();

      service = await home.start(stage);
      const files = readdirSync(home.dataDir).map((file) => readFileSync(join(home.dataDir, file)).toString("latin1"));
      for (const [trace, isThere] of [
        ["eve@example.org", true],
        ["ada@example.org", false],
        ["Countess", false],
      ] as const) {
        assert.equal(
          files.some((content) => content.includes(trace)),
          isThere,
          trace,
        );
      }
      assert.equal(files.join("").split("$argon2id$v=").length - 1, 1);
      await refused(service.client.createUser(request), "USER_NOT_FOUND");
      await refused(service.client.createSession(ada), "INVALID_CREDENTIALS");
      await refused(service.client.refreshSession({ refreshToken }), "INVALID_REFRESH_TOKEN");
      await service.client.createUser(ada);
    });

    it("ends very many sessions at once and tells of each, also when it stops in between", async () => {
      const { name } = await service.client.createUser(ada);
      const { accessToken } = await service.client.createSession(ada);
      await service.stop();
      const database = openDatabase({ file: join(home.dataDir, "user-svc.sqlite") });
      const insert = database.sqlite.prepare("INSERT INTO sessions VALUES (?, ?, 1, 1, 'hash', ?, ?, ?)");
      await database.transact(() => {
        for (let count = 0; count < 1_000; count++) {
          insert.run(newId(), name.slice("users/".length), Date.now(), Date.now(), Date.now() + 1_000_000);
        }
      });
      await database.close();

      service = await home.start(stage);
      const passwords = { currentPassword: password, newPassword: `${password}!` };
      await service.client.changePassword({ name, ...passwords }, { headers: bearer(accessToken) });
      const { sessions } = await service.client.listSessions({}, { headers: bearer(accessToken) });
      assert.equal(sessions.length, 1);
      await service.stop();
      service = await home.start(stage);
      await eventually("all sessions are told of", () => {
        const names = neighbour.heardOf(SessionRevokedSchema).map(({ session }) => session);
        return new Set(names).size === 1_000;
      });
    });

    it("leaves nothing open when it stops", async () => {
      await service.stop();
      await assertLeavesNothing(home.dataDir, async () => {
        service = await home.start(stage);
        await service.client.createUser(ada);
        await told(1);
        await service.stop();
      });
    });
  });
}

describeService("a broker in memory", createMemoryStage);
startRabbitMqEarly();
describeService("RabbitMQ", createRabbitMqStage);
