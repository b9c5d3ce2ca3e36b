import assert from "node:assert/strict";
import { cors } from "@connectrpc/connect";
import { after, afterEach, before, describe, it } from "mocha";
import { readMethods } from "../../tools/gateway/methods.ts";
import { allowedOrigin, type GatewayFixture, startFixture } from "./gateway-fixture.ts";
import { readContract } from "./gateway-process.ts";

const otherOrigin = "https://evil.example";
/** What the pages of this shop send besides what the clients of gRPC-Web and Connect do. */
const ownHeaders = ["authorization", "idempotency-key", "traceparent"];

describe("pages of other origins", () => {
  let fixture: GatewayFixture;
  before(async () => {
    fixture = await startFixture();
  });
  afterEach(() => fixture.services.reset());
  after(() => fixture.stop());

  const preflight = async (origin: string, verb: string, path: string, wanted: readonly string[]) => {
    const request = { "access-control-request-method": verb, "access-control-request-headers": wanted.join(",") };
    const { status, headers } = await fixture.http("OPTIONS", path, { headers: { origin, ...request } });
    const list = (name: string) => (headers.get(name) ?? "").toLowerCase().split(/\s*,\s*/);
    return {
      status,
      origin: headers.get("access-control-allow-origin"),
      methods: list("access-control-allow-methods"),
      headers: list("access-control-allow-headers"),
    };
  };

  it("may call every method by every protocol, with all that its clients send, when they are of the allowed origin", async () => {
    const wanted = [...cors.allowedHeaders, ...ownHeaders].map((name) => name.toLowerCase());
    for (const { path, bindings } of readMethods(await readContract())) {
      const calls = bindings.map(
        ({ verb, template }) => [verb, template.replace(/\{[^=}]+=([^}]+)\}/g, "$1")] as const,
      );
      for (const [verb, url] of [...calls, ["POST", path] as const]) {
        const allowed = await preflight(allowedOrigin, verb, url, wanted);
        assert.equal(allowed.status, 200, url);
        assert.equal(allowed.origin, allowedOrigin, url);
        assert.ok(allowed.methods.includes(verb.toLowerCase()), `${verb} ${url}`);
        for (const name of wanted) assert.ok(allowed.headers.includes(name), `${name} for ${url}`);
        assert.equal((await preflight(otherOrigin, verb, url, wanted)).origin, null, url);
      }
    }
    assert.equal(fixture.services.calls.length, 0);
  });

  it("may read answers and errors, and the headers that clients need", async () => {
    for (const [path, status] of [
      ["/v1/products", 200],
      ["/v1/orders", 401],
      ["/v1/products?colour=red", 400],
      ["/v1/nope", 404],
    ] as const) {
      const answer = await fixture.http("GET", path, { headers: { origin: allowedOrigin } });
      assert.equal(answer.status, status);
      assert.equal(answer.headers.get("access-control-allow-origin"), allowedOrigin, path);
      const exposed = (answer.headers.get("access-control-expose-headers") ?? "").toLowerCase().split(/\s*,\s*/);
      for (const name of [...cors.exposedHeaders, "x-request-id", "retry-after"]) {
        assert.ok(exposed.includes(name.toLowerCase()), `${name} of ${path}`);
      }
      const other = await fixture.http("GET", path, { headers: { origin: otherOrigin } });
      assert.equal(other.headers.get("access-control-allow-origin"), null, path);
    }
  });

  it("send no cookies, so that nobody's are needed", async () => {
    const answer = await fixture.http("GET", "/v1/products", { headers: { origin: allowedOrigin } });
    assert.equal(answer.headers.get("access-control-allow-credentials"), null);
  });
});
