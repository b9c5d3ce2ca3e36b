import assert from "node:assert/strict";
import { createTestTokens } from "@quartet/chassis/testing/test-tokens";
import { after, afterEach, before, describe, it } from "mocha";
import { readMethods } from "../../tools/gateway/methods.ts";
import { assertConnectError, assertGrpcError, assertRestError } from "./expected-error.ts";
import { bearerOf, type GatewayFixture, startFixture } from "./gateway-fixture.ts";
import { eventually, readContract, startGateway } from "./gateway-process.ts";

const listOrders = "/shop.order.v1.OrderService/ListOrders";

describe("access at the gateway", () => {
  let fixture: GatewayFixture;
  before(async () => {
    fixture = await startFixture();
  });
  afterEach(() => fixture.services.reset());
  after(() => fixture.stop());

  it("asks for a token exactly where the contract does, and for an administrator's", async () => {
    const customer = await fixture.bearer("customer");
    const admin = await fixture.bearer("admin");
    for (const { path, access } of readMethods(await readContract())) {
      const codes = [
        (await fixture.grpc(path)).code,
        (await fixture.grpc(path, customer)).code,
        (await fixture.grpc(path, admin)).code,
      ];
      const expected = access === "public" ? [0, 0, 0] : access === "admin" ? [16, 7, 0] : [16, 0, 0];
      assert.deepEqual(codes, expected, path);
    }
  });

  it("refuses tokens that are expired, forged, of another issuer or audience, or none", async () => {
    const sign = fixture.tokens.sign;
    const user = { userId: "user-1" };
    const good = await sign(user);
    const [head, payload] = good.split(".");
    const unsigned = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${payload}.`;
    const tokens: [string, string][] = [
      ["TOKEN_EXPIRED", await sign({ ...user, expiresInMs: -60_000 })],
      ["INVALID_TOKEN", await createTestTokens().sign(user)],
      ["INVALID_TOKEN", await sign({ ...user, issuer: "someone" })],
      ["INVALID_TOKEN", await sign({ ...user, audience: "something" })],
      ["INVALID_TOKEN", `${head}.${payload}.${"A".repeat(86)}`],
      ["INVALID_TOKEN", unsigned],
      ["INVALID_TOKEN", "nonsense"],
    ];
    for (const [reason, token] of tokens) {
      const headers = bearerOf(token);
      assertRestError(await fixture.http("GET", "/v1/orders", { headers }), 401, 16, reason);
      assertGrpcError(await fixture.grpc(listOrders, headers), 16, reason);
      const connect = await fixture.http("POST", listOrders, { headers, body: {} });
      assertConnectError(connect, 401, "unauthenticated", reason);
    }
    assert.equal(fixture.services.calls.length, 0);
    assert.equal((await fixture.http("GET", "/v1/orders", { headers: bearerOf(good) })).status, 200);
  });

  it("takes a token from its header only", async () => {
    const token = await fixture.tokens.sign({ userId: "user-1" });
    const native = `${listOrders}?connect=v1&encoding=json&message=%7B%7D&access_token=${token}`;
    assert.equal((await fixture.http("GET", native)).status, 401);
  });

  it("refuses customers what is for administrators, in REST's form", async () => {
    const answer = await fixture.http("POST", "/v1/products", { headers: await fixture.bearer(), body: {} });
    assertRestError(answer, 403, 7, "ADMIN_REQUIRED");
    assert.equal(fixture.services.calls.length, 0);
  });

  it("removes headers that pretend to be an identity, or the gateway", async () => {
    const spoofed = {
      "x-user-id": "admin",
      "x-user-role": "admin",
      "x-jwt-payload": "e30",
      "x-envoy-original-path": "/v1/nope",
      "x-envoy-retry-on": "5xx",
      "x-envoy-upstream-rq-timeout-ms": "1",
      via: "1.1 somebody",
    };
    await fixture.http("GET", "/v1/products", { headers: spoofed });
    await fixture.grpc("/shop.product.v1.ProductService/ListProducts", spoofed);
    assert.equal(fixture.services.calls.length, 2);
    for (const { headers } of fixture.services.calls) {
      for (const name of Object.keys(spoofed)) {
        if (name === "x-envoy-original-path") assert.notEqual(headers[name], "/v1/nope");
        else if (name === "via") assert.equal(headers[name], "2 gateway");
        else assert.equal(headers[name], undefined, name);
      }
    }
    // Pretending to have been REST would turn the error of a gRPC caller into JSON.
    assertGrpcError(await fixture.grpc(listOrders, { "x-envoy-original-method": "GET" }), 16, "MISSING_TOKEN");
  });

  it("knows the keys at its start while user-svc is down", async () => {
    await fixture.services.kill("user-svc");
    const gateway = await startGateway({ upstreams: fixture.services.upstreams });
    try {
      const answer = await fetch(`${gateway.url}/v1/orders`, { headers: await fixture.bearer() });
      assert.equal(answer.status, 200);
    } finally {
      await gateway.stop();
      await fixture.services.restart("user-svc");
    }
  });

  it("serves what is public, and says that it cannot check tokens, while no service knows a key", async () => {
    for (const service of ["user-svc", "order-svc", "payment-svc"]) await fixture.services.kill(service);
    fixture.services.setKeysKnown(false);
    const gateway = await startGateway({ upstreams: fixture.services.upstreams });
    try {
      const headers = await fixture.bearer();
      assert.equal((await fetch(`${gateway.url}/v1/products`)).status, 200);
      const refused = await fetch(`${gateway.url}/v1/orders`, { headers });
      assert.equal(refused.status, 503);
      assert.match(await refused.text(), /KEYS_UNAVAILABLE/);

      fixture.services.setKeysKnown(true);
      await fixture.services.restart("order-svc");
      await eventually("tokens are checked again", async () => {
        return (await fetch(`${gateway.url}/v1/orders`, { headers })).status === 200;
      });
    } finally {
      await gateway.stop();
      for (const service of ["user-svc", "payment-svc"]) await fixture.services.restart(service);
    }
  });
});
