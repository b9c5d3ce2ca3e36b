import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "mocha";
import { assertGrpcError, assertRestError } from "./expected-error.ts";
import { type GatewayFixture, startFixture } from "./gateway-fixture.ts";
import { eventually } from "./gateway-process.ts";

const listProducts = "/shop.product.v1.ProductService/ListProducts";
const createOrder = "/shop.order.v1.OrderService/CreateOrder";
/** Long enough for ten attempts or so, and short of the deadline. */
const absenceMs = 1_500;
const down = { code: 14, details: "not now" };

describe("the gateway and services in trouble", () => {
  let fixture: GatewayFixture;
  before(async () => {
    fixture = await startFixture();
  });
  afterEach(() => fixture.services.reset());
  after(() => fixture.stop());

  /** Answers that the service is unavailable, so many times. */
  const failFirst = (path: string, times: number) => {
    let left = times;
    fixture.services.answer(path, () => (left-- > 0 ? down : {}));
  };

  it("tries a read again when the service is unavailable, whatever the protocol", async () => {
    for (const call of [
      async () => (await fixture.http("GET", "/v1/products")).status === 200,
      async () => (await fixture.grpc(listProducts)).code === 0,
      async () => (await fixture.http("POST", listProducts, { body: {} })).status === 200,
    ]) {
      fixture.services.reset();
      failFirst(listProducts, 2);
      assert.ok(await call());
      assert.equal(fixture.services.calls.length, 3);
    }
  });

  it("tries nothing again that might have had an effect", async () => {
    const headers = await fixture.bearer();
    fixture.services.answer(createOrder, () => down);
    assert.equal((await fixture.http("POST", "/v1/orders", { headers, body: {} })).status, 503);
    assert.equal((await fixture.grpc(createOrder, headers)).code, 14);
    assert.equal((await fixture.http("POST", createOrder, { headers, body: {} })).status, 503);
    assert.equal(fixture.services.calls.length, 3);
  });

  it("keeps the only host of a service, however often that fails", async () => {
    const headers = await fixture.bearer();
    fixture.services.answer(createOrder, () => down);
    for (let call = 0; call < 20; call++) await fixture.grpc(createOrder, headers);
    assert.equal(fixture.services.calls.length, 20);
    assert.equal((await fixture.http("GET", "/v1/orders", { headers })).status, 200);
  });

  it("sends a service more calls at once than one connection takes", async () => {
    const answers = await Promise.all(Array.from({ length: 300 }, () => fixture.grpc(listProducts)));
    assert.deepEqual([...new Set(answers.map(({ code }) => code))], [0]);
  });

  it("tells the service how long the caller waits, and no longer than the contract says", async () => {
    const timeouts = async (call: () => Promise<unknown>) => {
      fixture.services.reset();
      await call();
      return fixture.services.calls[0]?.timeoutMs ?? Number.NaN;
    };
    const short = await timeouts(() => fixture.grpc(listProducts, {}, 1500));
    assert.ok(short > 0 && short <= 1500, `${short}`);
    const long = await timeouts(() => fixture.grpc(listProducts, {}, 60_000));
    assert.ok(long > 1500 && long <= 5000, `${long}`);
    const none = await timeouts(() => fixture.http("GET", "/v1/products"));
    assert.ok(none > 1500 && none <= 5000, `${none}`);
  });

  it("answers in the service's place when that takes too long", async () => {
    fixture.services.answer(listProducts, () => undefined);
    const answers = await Promise.all([
      fixture.http("GET", "/v1/products"),
      fixture.http("POST", listProducts, { body: {} }),
      fixture.grpc(listProducts),
    ]);
    // The service ends a gRPC call by itself at the same moment, so either may win.
    assert.equal(answers[0].status, 504);
    assert.equal((answers[0].json as { code: number }).code, 4);
    assert.equal(answers[1].status, 504);
    assert.equal((answers[1].json as { code: string }).code, "deadline_exceeded");
    assert.equal(answers[2].code, 4);
  });

  it("makes a short absence of a service a delay, for changes too", async () => {
    const headers = await fixture.bearer();
    await fixture.services.kill("order-svc");
    const calls = Promise.all([
      fixture.http("GET", "/v1/orders", { headers }),
      fixture.http("POST", "/v1/orders", { headers, body: {} }),
      fixture.grpc(createOrder, headers),
      fixture.http("POST", createOrder, { headers, body: {} }),
    ]);
    await new Promise((resolve) => setTimeout(resolve, absenceMs));
    await fixture.services.restart("order-svc");
    const [read, rest, grpc, connect] = await calls;
    assert.deepEqual([read.status, rest.status, grpc.code, connect.status], [200, 200, 0, 200]);
    assert.equal(fixture.services.calls.length, 4);
  });

  it("says that a killed service is unavailable, serves the others, and finds it when it is back", async () => {
    await fixture.services.kill("product-svc");
    assertRestError(await fixture.http("GET", "/v1/products"), 503, 14, "SERVICE_UNAVAILABLE");
    assertGrpcError(await fixture.grpc(listProducts), 14, "SERVICE_UNAVAILABLE");
    const headers = await fixture.bearer();
    assert.equal((await fixture.http("GET", "/v1/orders", { headers })).status, 200);

    await isHealthy("product-svc", false);
    assertRestError(await fixture.http("GET", "/v1/products"), 503, 14, "SERVICE_UNAVAILABLE");
    await fixture.services.restart("product-svc");
    await eventually("product-svc is served", async () => (await fixture.grpc(listProducts)).code === 0);
    await eventually("and over HTTP", async () => {
      return (await fixture.http("POST", listProducts, { body: {} })).status === 200;
    });
  });

  it("sends nothing to a service that says it does not serve", async () => {
    fixture.services.setServing("product-svc", false);
    await isHealthy("product-svc", false);
    assertRestError(await fixture.http("GET", "/v1/products"), 503, 14, "SERVICE_UNAVAILABLE");
    assert.equal(fixture.services.calls.length, 0);
    fixture.services.setServing("product-svc", true);
    await eventually("product-svc is served", async () => (await fixture.grpc(listProducts)).code === 0);
  });

  it("counts calls by method, for Prometheus, on a port that does nothing else", async () => {
    await fixture.grpc(listProducts);
    const metrics = await (await fetch(`${fixture.gateway.metricsUrl}/stats/prometheus`)).text();
    const counted = metrics.split("\n").find((line) => line.startsWith("envoy_cluster_grpc{"));
    for (const label of ["grpc_status", 'grpc_service="shop.', "grpc_method", "envoy_cluster_name"]) {
      assert.ok(counted?.includes(label), `${label} in ${counted}`);
    }
    assert.match(metrics, /^envoy_cluster_grpc_success\{.*grpc_method="ListProducts"/m);
    assert.equal((await fetch(`${fixture.gateway.metricsUrl}/ready`)).status, 200);
    for (const path of ["/", "/config_dump", "/stats", "/quitquitquit"]) {
      assert.equal((await fetch(`${fixture.gateway.metricsUrl}${path}`)).status, 404, path);
    }
    assert.equal((await fetch(`${fixture.gateway.metricsUrl}/stats/prometheus`, { method: "POST" })).status, 404);
  });

  async function isHealthy(service: string, healthy: boolean): Promise<void> {
    await eventually(`${service} is known to be ${healthy ? "up" : "down"}`, async () => {
      const clusters = await (await fetch(`${fixture.gateway.adminUrl}/clusters`)).text();
      const line = clusters
        .split("\n")
        .find((text) => text.startsWith(`${service}::`) && text.includes("health_flags"));
      return line?.endsWith("::healthy") === healthy;
    });
  }
});

describe("the gateway's log", () => {
  it("has a JSON line for each call, without its query", async () => {
    const fixture = await startFixture();
    await fixture.http("GET", "/v1/products?page_token=very-secret");
    await fixture.http("GET", "/v1/orders", { headers: await fixture.bearer() });
    await fixture.http("GET", "/nope?page_token=very-secret");
    await fixture.stop();
    const output = fixture.gateway.output();
    assert.doesNotMatch(output, /very-secret/);
    const lines = output
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      lines.map(({ method, path, route, status, user }) => [method, path, route, status, user]),
      [
        ["GET", "/v1/products", "shop.product.v1.ProductService/ListProducts", 200, null],
        ["GET", "/v1/orders", "shop.order.v1.OrderService/ListOrders", 200, "user-1"],
        ["GET", "/nope", "none", 404, null],
      ],
    );
  });
});
