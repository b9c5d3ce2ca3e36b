import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, describe, it } from "mocha";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { implementThings, thingService } from "../testing/thing-service.ts";

describe("an HTTP server", () => {
  let server: TestServer;
  let baseUrl: string;
  const method = (name: string): string => `${baseUrl}/${thingService.typeName}/${name}`;
  const postJson = (name: string, body: string | Uint8Array<ArrayBuffer>): Promise<Response> =>
    fetch(method(name), { method: "POST", headers: { "content-type": "application/json" }, body });

  const reasonOf = async (response: Response): Promise<string | undefined> => {
    const { details } = (await response.json()) as { details: { debug?: { reason: string } }[] };
    return details[0]?.debug?.reason;
  };

  before(async () => {
    server = await startTestServer({
      registrations: [implementThings({ read: ({ name }) => ({ name: `${name}!` }), hurry: () => ({ name: "b" }) })],
      pages: {
        "/healthz": () => ({ status: 200, contentType: "text/plain", body: "fine" }),
        "/keys": async () => ({
          status: 200,
          contentType: "application/json",
          body: "{}",
          headers: { "cache-control": "max-age=60" },
        }),
        "/broken": () => {
          throw new Error("secret");
        },
      },
    });
    baseUrl = `http://127.0.0.1:${server.httpPort}`;
  });

  after(() => server.stop());

  it("serves its pages to GET and HEAD", async () => {
    const page = await fetch(`${baseUrl}/healthz?verbose=1`);
    assert.deepEqual([page.status, await page.text()], [200, "fine"]);
    const keys = await fetch(`${baseUrl}/keys`);
    assert.equal(keys.headers.get("cache-control"), "max-age=60");
    const head = await fetch(`${baseUrl}/keys`, { method: "HEAD" });
    assert.deepEqual([head.status, head.headers.get("content-length"), await head.text()], [200, "2", ""]);
    const post = await fetch(`${baseUrl}/keys`, { method: "POST", body: "x" });
    assert.deepEqual([post.status, post.headers.get("allow")], [405, "GET, HEAD"]);
  });

  it("answers 404 as JSON for an unknown path, also for one that objects inherit", async () => {
    for (const path of ["/nothing", "/constructor", "/__proto__", "/test.v1.ThingService/Nothing"]) {
      const response = await fetch(baseUrl + path, { method: "POST", body: "{}" });
      assert.equal(response.status, 404);
      assert.equal(((await response.json()) as { code: string }).code, "unimplemented");
    }
  });

  it("keeps what went wrong in a page to itself", async () => {
    const response = await fetch(`${baseUrl}/broken`);
    assert.equal(response.status, 500);
    assert.deepEqual(await response.json(), { code: "internal", message: "internal error" });
  });

  it("answers a plain POST of JSON", async () => {
    const response = await postJson("Read", '{"name":"a"}');
    assert.deepEqual([response.status, await response.json()], [200, { name: "a!" }]);
  });

  it("answers GET for methods without side effects only", async () => {
    const query = `?connect=v1&encoding=json&message=${encodeURIComponent('{"name":"a"}')}`;
    const read = await fetch(method("Read") + query);
    assert.deepEqual([read.status, await read.json()], [200, { name: "a!" }]);
    const write = await fetch(method("Hurry") + query);
    assert.equal(write.status, 405);
    await write.body?.cancel();
  });

  it("says where JSON cannot be read and does not repeat it", async () => {
    const messageOf = async (body: string) =>
      ((await (await postJson("Read", body)).json()) as { message: string }).message;
    assert.equal(
      await messageOf('{"name": 5353}'),
      "cannot decode field test.v1.Thing.name from JSON: expected string",
    );
    assert.equal(await messageOf('{"name": secret}'), "cannot decode message test.v1.Thing from JSON");
  });

  it("answers JSON that cannot be read with ErrorInfo", async () => {
    for (const body of ["{", '{"name":1}', "[]"]) {
      const response = await postJson("Read", body);
      assert.equal(response.status, 400);
      const error = (await response.json()) as {
        code: string;
        details: { type: string; debug?: { reason: string } }[];
      };
      assert.equal(error.code, "invalid_argument");
      assert.deepEqual(
        error.details.map(({ type }) => type),
        ["google.rpc.ErrorInfo"],
      );
    }
  });

  it("takes text that is no UTF-8 for a fault of the caller, and does not mend it", async () => {
    const response = await postJson("Read", Buffer.from('{"name":"a\xff"}', "latin1"));
    assert.equal(response.status, 400);
    assert.equal(await reasonOf(response), "MALFORMED_REQUEST");
  });

  it("takes a query whose message is no base64 for a fault of the caller", async () => {
    for (const message of ["%25", "a", "%FF"]) {
      const response = await fetch(`${method("Read")}?connect=v1&encoding=proto&base64=1&message=${message}`);
      assert.equal(response.status, 400);
      assert.equal(await reasonOf(response), "MALFORMED_REQUEST");
    }
  });

  it("survives a Host header that is no host", async () => {
    const socket = connect(server.httpPort, "127.0.0.1");
    const body = "{}";
    socket.write(
      `POST /${thingService.typeName}/Read HTTP/1.1\r\nHost: [\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    const [answer] = (await once(socket, "data")) as [Buffer];
    socket.destroy();
    assert.match(answer.toString(), /^HTTP\/1\.1 400 /);
    assert.equal((await postJson("Read", '{"name":"a"}')).status, 200);
  });

  it("takes headers as large as the gateway lets through", async () => {
    const response = await fetch(`${baseUrl}/healthz`, { headers: { "x-long": "x".repeat(32 * 1024) } });
    assert.equal(response.status, 200);
    await response.body?.cancel();
  });

  it("refuses headers beyond its limit", async () => {
    const response = await fetch(`${baseUrl}/healthz`, { headers: { "x-long": "x".repeat(65 * 1024) } });
    assert.equal(response.status, 431);
    await response.body?.cancel();
  });

  it("takes a timeout beyond what timers can hold for a long one", async () => {
    const headers = { "content-type": "application/json", "connect-timeout-ms": "9999999999" };
    const response = await fetch(method("Read"), { method: "POST", headers, body: '{"name":"a"}' });
    assert.equal(response.status, 200);
    await response.body?.cancel();
  });
});

describe("stopping an HTTP server", () => {
  it("finishes calls under way, and does not wait for idle connections", async () => {
    const entered = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const registration = implementThings({
      read: async () => {
        entered.resolve();
        await finish.promise;
        return { name: "late" };
      },
    });
    const server = await startTestServer({ registrations: [registration] });
    const idle = connect(server.httpPort, "127.0.0.1");
    await once(idle, "connect");
    const call = fetch(`http://127.0.0.1:${server.httpPort}/${thingService.typeName}/Read`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"name":"a"}',
    });
    await entered.promise;
    const stopped = server.stop(60_000);
    finish.resolve();
    assert.deepEqual(await (await call).json(), { name: "late" });
    await stopped;
    idle.destroy();
  });
});
