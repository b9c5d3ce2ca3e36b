import assert from "node:assert/strict";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { ErrorInfoSchema } from "@quartet/proto/google/rpc/error_details_pb";
import { OrderService } from "@quartet/proto/shop/order/v1/order_service_pb";
import { after, afterEach, before, describe, it } from "mocha";
import { assertConnectError, assertGrpcError } from "./expected-error.ts";
import { type GatewayFixture, startFixture } from "./gateway-fixture.ts";

const listProducts = "/shop.product.v1.ProductService/ListProducts";
const getOrder = "/shop.order.v1.OrderService/GetOrder";
const createProduct = "/shop.product.v1.ProductService/CreateProduct";
const connectGet = "?connect=v1&encoding=json&message=%7B%7D";
const emptyFrame = "\0\0\0\0\0";

describe("gRPC, gRPC-Web and Connect through the gateway", () => {
  let fixture: GatewayFixture;
  before(async () => {
    fixture = await startFixture();
  });
  afterEach(() => fixture.services.reset());
  after(() => fixture.stop());

  it("passes gRPC to the gRPC port", async () => {
    assert.equal((await fixture.grpc(listProducts)).code, 0);
    assert.equal((await fixture.grpc(getOrder, await fixture.bearer())).code, 0);
    assert.deepEqual(
      fixture.services.calls.map(({ wire, path }) => `${wire} ${path}`),
      [`grpc ${listProducts}`, `grpc ${getOrder}`],
    );
  });

  it("answers gRPC callers with a status, plain words and details", async () => {
    assertGrpcError(await fixture.grpc(getOrder), 16, "MISSING_TOKEN");
    assertGrpcError(await fixture.grpc(createProduct, await fixture.bearer()), 7, "ADMIN_REQUIRED");
    assertGrpcError(await fixture.grpc("/shop.order.v1.OrderService/Nope"), 12, "ROUTE_NOT_FOUND");
    assertGrpcError(await fixture.grpc("/shop.nope.v1.NopeService/Nope"), 12, "ROUTE_NOT_FOUND");
    assertGrpcError(await fixture.grpc("/v1/products"), 12, "ROUTE_NOT_FOUND");
    assertGrpcError(await fixture.grpc("/grpc.health.v1.Health/Check"), 12, "ROUTE_NOT_FOUND");
    assert.equal(fixture.services.calls.length, 0);
  });

  it("translates gRPC-Web for the gRPC port, errors included", async () => {
    const headers = { "content-type": "application/grpc-web+proto", "x-grpc-web": "1" };
    const good = await fixture.http("POST", listProducts, { headers, body: emptyFrame });
    assert.equal(good.status, 200);
    assert.equal(good.headers.get("content-type"), "application/grpc-web+proto");
    assert.match(good.text, /grpc-status:\s*0/);
    assert.equal(fixture.services.calls[0]?.wire, "grpc");

    const bad = await fixture.http("POST", getOrder, { headers, body: emptyFrame });
    assert.equal(bad.headers.get("content-type"), "application/grpc-web+proto");
    assert.equal(bad.headers.get("grpc-status"), "16");
    assert.equal(bad.headers.get("grpc-message"), "this method needs an access token");
  });

  it("passes Connect, as POST, GET and stream, to the HTTP port", async () => {
    const json = { headers: { "connect-protocol-version": "1" }, body: {} };
    assert.equal((await fixture.http("POST", listProducts, json)).status, 200);
    assert.equal((await fixture.http("GET", `${listProducts}${connectGet}`)).status, 200);
    const stream = { headers: { "content-type": "application/connect+json" }, body: emptyFrame };
    assert.equal((await fixture.http("POST", listProducts, stream)).status, 200);
    assert.deepEqual(
      fixture.services.calls.map(({ wire, path }) => `${wire} ${path}`),
      [`http ${listProducts}`, `http ${listProducts}${connectGet}`, `http ${listProducts}`],
    );
  });

  it("answers Connect callers with the errors of that protocol", async () => {
    const json = { headers: { "connect-protocol-version": "1" }, body: {} };
    const binary = { headers: { "content-type": "application/proto" }, body: "" };
    for (const request of [json, binary, { body: {} }]) {
      const answer = await fixture.http("POST", getOrder, request);
      assertConnectError(answer, 401, "unauthenticated", "MISSING_TOKEN");
    }
    const get = await fixture.http("GET", `${getOrder}${connectGet}`);
    assertConnectError(get, 401, "unauthenticated", "MISSING_TOKEN");
    const forbidden = await fixture.http("POST", createProduct, { headers: await fixture.bearer(), body: {} });
    assertConnectError(forbidden, 403, "permission_denied", "ADMIN_REQUIRED");
    const unknown = await fixture.http("POST", "/shop.order.v1.OrderService/Nope", json);
    assertConnectError(unknown, 404, "unimplemented", "ROUTE_NOT_FOUND");
  });

  it("gives the clients of each protocol the same error", async () => {
    const baseUrl = fixture.gateway.url;
    const transports = {
      grpc: createGrpcTransport({ baseUrl }),
      "gRPC-Web": createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
      Connect: createConnectTransport({ baseUrl, httpVersion: "1.1" }),
      "Connect GET": createConnectTransport({ baseUrl, httpVersion: "1.1", useHttpGet: true }),
    };
    for (const [name, transport] of Object.entries(transports)) {
      const error = await createClient(OrderService, transport).getOrder({ name: "orders/1" }).catch(ConnectError.from);
      assert.ok(error instanceof ConnectError, name);
      assert.equal(error.code, Code.Unauthenticated, name);
      assert.equal(error.rawMessage, "this method needs an access token", name);
      // gRPC-Web clients read no details when the HTTP status is not 200, as it is in the gateway's own errors.
      if (name === "gRPC-Web") continue;
      assert.equal(error.findDetails(ErrorInfoSchema)[0]?.reason, "MISSING_TOKEN", name);
    }
  });

  it("shows the contract by reflection, unless that is turned off", async () => {
    const path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    // The fake service has no reflection; that the answer is its own shows that the call arrived.
    assert.match((await fixture.grpc(path)).message, /does not implement/);
    const closed = await startFixture({ reflection: false });
    try {
      assertGrpcError(await closed.grpc(path), 12, "ROUTE_NOT_FOUND");
      assert.equal((await closed.grpc(listProducts)).code, 0);
    } finally {
      await closed.stop();
    }
  });
});
