import assert from "node:assert/strict";
import { request } from "node:http";
import { connect } from "node:net";
import { Metadata } from "@grpc/grpc-js";
import { after, afterEach, before, describe, it } from "mocha";
import { assertConnectError, assertRestError } from "./expected-error.ts";
import { type GatewayFixture, startFixture } from "./gateway-fixture.ts";

describe("REST through the gateway", () => {
  let fixture: GatewayFixture;
  before(async () => {
    fixture = await startFixture();
  });
  afterEach(() => fixture.services.reset());
  after(() => fixture.stop());

  const getProduct = "/shop.product.v1.ProductService/GetProduct";
  const listProducts = "/shop.product.v1.ProductService/ListProducts";

  it("turns a path into a request and the answer into JSON with every plain field", async () => {
    fixture.services.answer(getProduct, () => ({ name: "products/1", displayName: "Lamp", version: 7n }));
    const answer = await fixture.http("GET", "/v1/products/1");
    assert.equal(answer.status, 200);
    assert.deepEqual(fixture.services.calls[0]?.request, { name: "products/1" });
    const product = answer.json as Record<string, unknown>;
    assert.equal(product.displayName, "Lamp");
    assert.equal(product.version, "7");
    assert.equal(product.availableQuantity, 0);
  });

  it("takes query parameters in either case of the field, with + for a space", async () => {
    await fixture.http("GET", "/v1/products?page_size=5&category=a+b");
    await fixture.http("GET", "/v1/products?pageSize=5&category=a%20b");
    for (const call of fixture.services.calls) assert.deepEqual(call.request, { pageSize: 5, category: "a b" });
    assert.equal(fixture.services.calls.length, 2);
  });

  it("cancels with an empty body", async () => {
    const answer = await fixture.http("POST", "/v1/orders/1:cancel", { headers: await fixture.bearer() });
    assert.equal(answer.status, 200);
    assert.deepEqual(fixture.services.calls[0]?.request, { name: "orders/1" });
  });

  it("takes a path with a slash at its end for the one without", async () => {
    assert.equal((await fixture.http("GET", "/v1/products/")).status, 200);
    assert.equal(fixture.services.calls[0]?.path, listProducts);
  });

  it("passes on the keys of idempotency and trace, and the token", async () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const authorization = (await fixture.bearer()).authorization ?? "";
    const headers = { authorization, traceparent, "idempotency-key": "key-1" };
    await fixture.http("POST", "/v1/orders", { headers, body: {} });
    const received = fixture.services.calls[0]?.headers ?? {};
    assert.equal(received.traceparent, traceparent);
    assert.equal(received["idempotency-key"], "key-1");
    assert.equal(received.authorization, authorization);
  });

  it("refuses an idempotency key that gRPC cannot carry, which the service would never see", async () => {
    for (const key of ["cl\u00e9", "a\tb", "\u0080", "\u00ff".repeat(3)]) {
      const headers = { ...(await fixture.bearer()), "idempotency-key": key };
      const refused = await fixture.http("POST", "/v1/orders", { headers, body: {} });
      assert.match(assertRestError(refused, 400, 3, "INVALID_REQUEST_ID"), /^idempotency-key: /);
      const byConnect = await fixture.http("POST", "/shop.order.v1.OrderService/CreateOrder", { headers, body: {} });
      assertConnectError(byConnect, 400, "invalid_argument", "INVALID_REQUEST_ID");
      const grpcWeb = await fixture.http("POST", "/shop.order.v1.OrderService/CreateOrder", {
        headers: { ...headers, "content-type": "application/grpc-web+proto" },
        body: "\0\0\0\0\0",
      });
      assert.match(decodeURIComponent(grpcWeb.headers.get("grpc-message") ?? ""), /^idempotency-key: /);
    }
    assert.equal(fixture.services.calls.length, 0);
  });

  it("passes on a service's error with its details", async () => {
    const metadata = new Metadata();
    // google.rpc.Status of code 5 with ErrorInfo { reason: "GONE" }.
    const info = Buffer.from("0a04474f4e45", "hex");
    const typeUrl = Buffer.from("type.googleapis.com/google.rpc.ErrorInfo");
    const any = Buffer.concat([Buffer.from([10, typeUrl.length]), typeUrl, Buffer.from([18, info.length]), info]);
    const status = Buffer.concat([Buffer.from([8, 5, 18, 2]), Buffer.from("no"), Buffer.from([26, any.length]), any]);
    metadata.set("grpc-status-details-bin", status);
    fixture.services.answer(getProduct, () => ({ code: 5, details: "no", metadata }));
    const answer = await fixture.http("GET", "/v1/products/1");
    assert.equal(answer.status, 404);
    assert.deepEqual(answer.json, {
      code: 5,
      message: "no",
      details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "GONE", domain: "", metadata: {} }],
    });
  });

  it("answers what is no route with 404", async () => {
    const unknown: [string, string][] = [
      ["GET", "/nope"],
      ["GET", "/v1"],
      ["GET", "/v1/nope"],
      ["DELETE", "/v1/products"],
      ["PUT", "/v1/products/1"],
      ["POST", "/v1/orders/1:misspelt"],
      ["GET", "/v1/products/1:misspelt"],
      ["POST", "/"],
      ["GET", "/metrics"],
      ["GET", "/readyz"],
      ["GET", "/readyz/nope-svc"],
      ["GET", "/readyz/order-svc/metrics"],
      ["GET", "/index.html"],
      ["GET", "/.well-known/jwks.json"],
    ];
    for (const [method, path] of unknown) {
      assertRestError(await fixture.http(method, path), 404, 5, "ROUTE_NOT_FOUND");
    }
  });

  it("names the query parameter that is wrong", async () => {
    const type = await fixture.http("GET", "/v1/products?page_size=many");
    assert.match(assertRestError(type, 400, 3, "MALFORMED_REQUEST"), /page_size/);
    const unknown = await fixture.http("GET", "/v1/products?colour=red");
    assert.match(assertRestError(unknown, 400, 3, "MALFORMED_REQUEST"), /colour/);
    assert.equal(fixture.services.calls.length, 0);
  });

  it("says what is wrong with a body beside the message", async () => {
    const headers = { "content-type": "application/json" };
    for (const body of ['{"email": bad}', '{"email": "x"', '{"email": ["x"]}', "[]", '{"email":"x"} more']) {
      const answer = await fixture.http("POST", "/v1/sessions", { headers, body });
      assertRestError(answer, 400, 3, "MALFORMED_REQUEST");
    }
    const lines = [{ product: "products/1", quantity: "many" }];
    const wrong = await fixture.http("POST", "/v1/orders", { headers: await fixture.bearer(), body: { lines } });
    assertRestError(wrong, 400, 3, "MALFORMED_REQUEST");
    assert.match(wrong.text, /lines\[0\]\.quantity/);
    assert.equal(fixture.services.calls.length, 0);
  });

  it("refuses what is no request for a resource, whoever asks", async () => {
    const { authorization = "" } = await fixture.bearer("admin");
    const refused: [string, number, string][] = [
      ["GET /v1/products HTTP/1.0\r\n", 400, "BAD_REQUEST"],
      ["GET /v1/orders HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n", 400, "BAD_REQUEST"],
      ["CONNECT shop.example:80 HTTP/1.1\r\n", 400, "BAD_REQUEST"],
      ["OPTIONS * HTTP/1.1\r\n", 404, "ROUTE_NOT_FOUND"],
    ];
    for (const [head, status, reason] of refused) {
      const answer = await sendHead(fixture.gateway.port, `${head}host: x\r\nauthorization: ${authorization}\r\n\r\n`);
      assert.match(answer, new RegExp(`^HTTP/1.1 ${status} .*"reason":"${reason}"`, "s"), `${head}${answer}`);
    }
    assert.equal(fixture.services.calls.length, 0);
  });

  it("refuses an escaped slash in a path and an underscore in a header's name", async () => {
    assertRestError(await fixture.http("GET", "/v1/orders%2F1"), 400, 3, "MALFORMED_REQUEST");
    const headers = { x_odd: "1" };
    assertRestError(await fixture.http("GET", "/v1/products", { headers }), 400, 3, "MALFORMED_REQUEST");
  });

  it("takes a body only where the contract has one", async () => {
    const headers = await fixture.bearer();
    for (const [method, path] of [
      ["GET", "/v1/products:batchGet?names=products/1"],
      ["GET", "/v1/orders/1:watch"],
      ["DELETE", "/v1/users/me"],
    ] as const) {
      for (const body of ['{"names":["products/2"]}', "{}"]) {
        const chunked = await sendBody(fixture.gateway.port, { method, path, headers, body });
        const known = await sendBody(fixture.gateway.port, {
          method,
          path,
          headers: { ...headers, "content-type": "application/json", "content-length": String(body.length) },
          body,
        });
        for (const answer of [chunked, known]) {
          assert.equal(answer.status, 400, answer.text);
          assert.match(answer.text, /"message":"a GET or DELETE has no body.*"reason":"MALFORMED_REQUEST"/);
        }
      }
      const none = await sendBody(fixture.gateway.port, {
        method,
        path,
        headers: { ...headers, "content-length": "0" },
      });
      assert.equal(none.status, 200);
    }
    assert.equal(fixture.services.calls.length, 3);
  });

  it("takes JSON only, and that uncompressed", async () => {
    const refused: Record<string, string>[] = [
      { "content-type": "application/x-www-form-urlencoded" },
      { "content-type": "text/plain" },
      { "content-type": "application/json-patch+json" },
      { "content-type": "application/jsonl" },
      { "content-type": "application/json, text/plain" },
      { "content-type": "application/json", "content-encoding": "gzip" },
    ];
    for (const headers of refused) {
      const answer = await fixture.http("POST", "/v1/sessions", { headers, body: "{}" });
      assertRestError(answer, 415, 3, "UNSUPPORTED_MEDIA_TYPE");
    }
    for (const type of ["Application/JSON; charset=utf-8", "application/json ;charset=utf-8", "application/json"]) {
      const headers = { "content-type": type };
      assert.equal((await fixture.http("POST", "/v1/sessions", { headers, body: "{}" })).status, 200);
    }
  });

  it("refuses a body that is too large, also one of unknown length", async () => {
    const large = { email: "a".repeat(1_100_000) };
    assertRestError(await fixture.http("POST", "/v1/sessions", { body: large }), 413, 8, "REQUEST_TOO_LARGE");
    assert.equal(await sendChunks(fixture.gateway.port, "/v1/sessions", 5_000_000), 413);
    assert.equal(fixture.services.calls.length, 0);
  });

  it("answers a large page compressed to those who take that", async () => {
    const products = Array.from({ length: 100 }, (_, index) => ({ name: `products/${index}` }));
    fixture.services.answer(listProducts, () => ({ products }));
    const answer = await fixture.http("GET", "/v1/products", { headers: { "accept-encoding": "gzip" } });
    assert.equal(answer.headers.get("content-encoding"), "gzip");
    assert.equal((answer.json as { products: unknown[] }).products.length, 100);
  });

  it("tells everybody that it is up", async () => {
    assert.equal((await fixture.http("GET", "/healthz")).status, 200);
  });

  it("survives Connect's content types where it answers by itself", async () => {
    for (const type of ["application/connect+json", "application/connect+proto", "application/proto"]) {
      for (const [method, path] of [
        ["GET", "/"],
        ["POST", "/"],
        ["POST", "/nope"],
      ] as const) {
        await fixture.http(method, path, { headers: { "content-type": type } });
      }
    }
    assert.equal((await fixture.http("GET", "/healthz")).status, 200);
  });

  it("shows no header of the proxy and gives each answer an id of its own", async () => {
    const answer = await fixture.http("GET", "/v1/products", { headers: { "x-request-id": "mine" } });
    for (const name of answer.headers.keys()) assert.doesNotMatch(name, /^x-envoy/);
    assert.match(answer.headers.get("x-request-id") ?? "", /^[0-9a-f-]{36}$/);
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
    assert.equal(answer.headers.get("cache-control"), "no-store");
  });
});

/** The answer to a request of only a head, as it came. */
async function sendHead(port: number, head: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(head);
  let answer = "";
  for await (const chunk of socket) {
    answer += String(chunk);
    if (answer.includes("}]}")) break;
  }
  return answer;
}

interface BodyRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Also what fetch does not send: a GET with a body, in chunks unless the headers have its length. */
function sendBody(
  port: number,
  { body, ...options }: BodyRequest,
): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ host: "127.0.0.1", port, ...options }, async (answer) => {
      let text = "";
      for await (const chunk of answer) text += String(chunk);
      resolve({ status: answer.statusCode, text });
    });
    call.on("error", reject);
    if (body !== undefined) {
      if (options.headers["content-length"] === undefined) call.setHeader("transfer-encoding", "chunked");
      call.write(body);
    }
    call.end();
  });
}

function sendChunks(port: number, path: string, bytes: number): Promise<number | undefined> {
  const headers = { "content-type": "application/json", "transfer-encoding": "chunked" };
  return new Promise((resolve, reject) => {
    const call = request({ host: "127.0.0.1", port, path, method: "POST", headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    // The gateway closes while we send; by then it has answered.
    call.on("error", reject);
    call.end(`{"email":"${"a".repeat(bytes)}"}`);
  });
}
