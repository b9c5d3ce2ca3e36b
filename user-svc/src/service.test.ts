import assert from "node:assert/strict";
import { createLocalKeySet } from "@quartet/chassis/auth/key-set";
import { createTokenVerifier } from "@quartet/chassis/auth/token-verifier";
import { newId } from "@quartet/chassis/ids";
import { type BrokerStage, createMemoryStage, createRabbitMqStage } from "@quartet/chassis/testing/broker-stages";
import { eventually } from "@quartet/chassis/testing/eventually";
import { assertLeavesNothing } from "@quartet/chassis/testing/leaves-nothing";
import { type Neighbour, startNeighbour } from "@quartet/chassis/testing/neighbour";
import { createServiceHome, type RunningService, type ServiceHome } from "@quartet/chassis/testing/service-home";
import { UserCreatedSchema } from "@quartet/proto/shop/user/v1/user_events_pb";
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
describeService("RabbitMQ", createRabbitMqStage);
