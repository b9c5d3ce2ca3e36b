import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "mocha";
import { assertConnectError, assertGrpcError, assertRestError } from "./expected-error.ts";
import { type GatewayFixture, startFixture } from "./gateway-fixture.ts";
import { eventually } from "./gateway-process.ts";

const listProducts = "/shop.product.v1.ProductService/ListProducts";
const createSession = "/shop.user.v1.UserService/CreateSession";
const createOrder = "/shop.order.v1.OrderService/CreateOrder";

describe("rate limits at the gateway", () => {
  const burst = 3;
  let fixture: GatewayFixture;
  before(async () => {
    // A token a second, and the tests take less than that many seconds.
    const narrow = { burst, perSecond: 1 };
    fixture = await startFixture({ rateLimits: { credential: narrow, write: narrow } });
  });
  afterEach(() => fixture.services.reset());
  after(() => fixture.stop());

  it("count a rate class of the contract, whatever the protocol", async () => {
    const answers = [];
    for (let call = 0; call < 10; call++) answers.push(await fixture.http("POST", "/v1/sessions", { body: {} }));
    const refused = answers.filter(({ status }) => status !== 200);
    assert.ok(refused.length >= 10 - burst - 2, `${refused.length} were refused`);
    assert.equal(fixture.services.calls.length, 10 - refused.length);
    for (const answer of refused) assertRestError(answer, 429, 8, "RATE_LIMITED");
    assert.match(refused[0]?.text ?? "", /"retryDelay":"1s"/);
    assert.equal(refused[0]?.headers.get("retry-after"), "1");
    assert.equal(refused[0]?.headers.get("x-ratelimit-limit"), "3");

    const [, ...grpc] = [await fixture.grpc(createSession), await fixture.grpc(createSession)];
    for (const answer of grpc) assertGrpcError(answer, 8, "RATE_LIMITED");
    const [, ...connect] = [
      await fixture.http("POST", createSession, { body: {} }),
      await fixture.http("POST", createSession, { body: {} }),
    ];
    for (const answer of connect) assertConnectError(answer, 429, "resource_exhausted", "RATE_LIMITED");
  });

  it("leave the other classes alone", async () => {
    const headers = await fixture.bearer();
    let refused = 0;
    for (let call = 0; call < 10; call++) if ((await fixture.grpc(createOrder, headers)).code === 8) refused++;
    assert.ok(refused >= 10 - burst - 2);
    for (let call = 0; call < 10; call++) {
      assert.equal((await fixture.grpc(listProducts)).code, 0);
      assert.equal((await fixture.http("GET", "/v1/products")).status, 200);
    }
  });

  it("count every call of an address, and never the health check", async () => {
    const narrow = await startFixture({ rateLimits: { address: { burst, perSecond: 1 } } });
    try {
      const answers = [];
      for (let call = 0; call < 10; call++) answers.push(await narrow.http("GET", `/v1/products/${call}`));
      const refused = answers.filter(({ status }) => status !== 200);
      assert.ok(refused.length >= 10 - burst - 2, `${refused.length} were refused`);
      for (const answer of refused) assertRestError(answer, 429, 8, "RATE_LIMITED");
      for (let call = 0; call < 5; call++) await narrow.http("GET", "/nope");
      assertGrpcError(await narrow.grpc(listProducts), 8, "RATE_LIMITED");
      for (let call = 0; call < 10; call++) assert.equal((await narrow.http("GET", "/healthz")).status, 200);
    } finally {
      await narrow.stop();
    }
  });
});

describe("a service that has as many calls under way as the gateway lets pass", () => {
  const listOrders = "/shop.order.v1.OrderService/ListOrders";
  const watchOrder = "/shop.order.v1.OrderService/WatchOrder";
  const callsMax = 3;
  let fixture: GatewayFixture;
  let headers: Record<string, string>;
  let waiting: Promise<unknown>[];
  before(async () => {
    fixture = await startFixture({}, (yaml) =>
      yaml.replace(/max_(connections|requests|pending_requests): \d+/g, `max_$1: ${callsMax}`),
    );
    headers = await fixture.bearer();
  });
  beforeEach(() => {
    fixture.services.answer(createOrder, () => undefined);
    waiting = [];
  });
  afterEach(async () => {
    await Promise.all(waiting);
    fixture.services.reset();
  });
  after(() => fixture.stop());

  const fill = async (call: () => Promise<unknown>, calls: number) => {
    for (let count = 0; count < calls; count++) waiting.push(call());
    const arrived = Math.min(calls, callsMax);
    // What waited for a connection in the test before may arrive as late as now.
    const underWay = () => fixture.services.calls.filter(({ path }) => path === createOrder).length;
    await eventually(`${arrived} calls are under way`, async () => underWay() === arrived);
  };
  const order = (timeoutMs?: number) => fixture.grpc(createOrder, headers, timeoutMs);

  it("gets no more of them, and their callers are told at once when to come again", async () => {
    await fill(() => order(1_500), callsMax);
    const startTime = performance.now();
    assertGrpcError(await order(), 8, "SERVICE_OVERLOADED");
    const answer = await fixture.http("POST", "/v1/orders", { headers, body: {} });
    assertRestError(answer, 429, 8, "SERVICE_OVERLOADED");
    assert.match(answer.text, /"retryDelay":"1s"/);
    assert.equal(answer.headers.get("retry-after"), "1");
    assert.ok(performance.now() - startTime < 1_000, "at once");
    assert.equal(fixture.services.calls.length, callsMax);
  });

  it("gets no more of them over HTTP", async () => {
    fixture.services.answer(listOrders, () => undefined);
    const post = () => fixture.http("POST", listOrders, { headers, body: {} });
    // As many have a connection, and as many at most wait for one.
    const answers = await Promise.all(Array.from({ length: 2 * callsMax + 2 }, post));
    const refused = answers.filter(({ status }) => status !== 504);
    assert.ok(refused.length >= 2, `${refused.length} were refused`);
    for (const answer of refused) {
      assertConnectError(answer, 429, "resource_exhausted", "SERVICE_OVERLOADED");
      assert.equal(answer.headers.get("retry-after"), "1");
    }
  });

  it("still answers watches, which count apart, and other services answer", async () => {
    await fill(() => order(1_500), callsMax);
    assertGrpcError(await fixture.grpc(listOrders, headers), 8, "SERVICE_OVERLOADED");
    assert.equal((await fixture.http("GET", "/v1/orders/1:watch", { headers })).status, 200);
    assert.equal((await fixture.http("GET", "/v1/products")).status, 200);
    assert.equal((await fixture.http("GET", "/healthz")).status, 200);
    assert.equal(fixture.services.calls.filter(({ path }) => path === watchOrder).length, 1);
  });
});
