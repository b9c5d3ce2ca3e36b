import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingHttpHeaders, request } from "node:http";
import { connect } from "node:http2";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { OrderService, type WatchOrderResponse } from "@quartet/proto/shop/order/v1/order_service_pb";
import { after, afterEach, before, describe, it } from "mocha";
import { assertRestError } from "./expected-error.ts";
import type { Fields, Stream } from "./fake-services.ts";
import { type GatewayFixture, startFixture } from "./gateway-fixture.ts";
import { eventually } from "./gateway-process.ts";

const watchOrder = "/shop.order.v1.OrderService/WatchOrder";
const restPath = "/v1/orders/1:watch";

describe("streams through the gateway", () => {
  let fixture: GatewayFixture;
  let headers: Record<string, string>;
  before(async () => {
    fixture = await startFixture();
    headers = await fixture.bearer();
  });
  afterEach(() => fixture.services.reset());
  after(() => fixture.stop());

  for (const [name, open] of [
    ["HTTP/1.1", openHttp1],
    ["HTTP/2", openHttp2],
  ] as const) {
    describe(`as REST over ${name}`, () => {
      it("are a JSON object a line, each of which arrives when it is sent", async () => {
        const source = controlled();
        fixture.services.stream(watchOrder, source.stream);
        const opening = open(fixture.gateway.port, `${restPath}?afterSequence=3`, headers);
        // Nothing more is sent before what was sent has arrived, so nothing can wait for what follows.
        source.send(entry(4));
        const { status, headers: received, lines, close } = await opening;
        assert.equal(status, 200);
        assert.equal(received["content-type"], "application/json");
        for (const sequence of [4, 5, 6]) {
          if (sequence > 4) source.send(entry(sequence));
          const { orderEvent, last } = await lines.next();
          assert.equal((orderEvent as { sequence: string }).sequence, String(sequence));
          assert.equal(last, false);
        }
        // A sign of life has no entry.
        source.send({});
        assert.deepEqual(await lines.next(), { last: false });
        source.send({ last: true, order: { name: "orders/1", state: 3 } });
        source.end();
        const { last, order } = await lines.next();
        assert.equal(last, true);
        assert.equal((order as { state: string }).state, "STATE_CONFIRMED");
        assert.equal(await lines.next(), undefined);
        assert.deepEqual(fixture.services.calls[0]?.request, { name: "orders/1", afterSequence: "3" });
        close();
      });

      it("arrive at once compressed, too", async () => {
        const source = controlled();
        fixture.services.stream(watchOrder, source.stream);
        const opening = open(fixture.gateway.port, restPath, { ...headers, "accept-encoding": "gzip" });
        source.send(entry(1));
        const { headers: received, lines, close } = await opening;
        assert.equal(received["content-encoding"], "gzip");
        assert.ok(await lines.next());
        source.send(entry(2));
        assert.ok(await lines.next());
        source.end();
        assert.equal(await lines.next(), undefined);
        close();
      });

      it("end the call to the service when the caller goes away", async () => {
        const source = controlled();
        fixture.services.stream(watchOrder, source.stream);
        const opening = open(fixture.gateway.port, restPath, headers);
        source.send(entry(1));
        const { lines, close } = await opening;
        await lines.next();
        assert.equal(source.isGone(), false);
        close();
        await eventually("the service's call has ended", source.isGone);
      });

      it("end without a last entry when the service breaks off or fails midway", async () => {
        for (const breakOff of [
          (source: Controlled) => source.fail({ code: 14, details: "stopping" }),
          async () => {
            await fixture.services.kill("order-svc");
            await fixture.services.restart("order-svc");
          },
        ]) {
          await eventually("order-svc is served", async () => (await fixture.grpc(getOrder, headers)).code === 0);
          const source = controlled();
          fixture.services.stream(watchOrder, source.stream);
          const opening = open(fixture.gateway.port, restPath, headers);
          source.send(entry(1));
          const { lines, close } = await opening;
          assert.equal((await lines.next()).last, false);
          await breakOff(source);
          assert.equal(await lines.next(), undefined);
          close();
        }
      });
    });
  }

  it("that fail before their first entry answer like any other call, and are not tried again", async () => {
    fixture.services.stream(watchOrder, failing({ code: 5, details: "there is no such order" }));
    const missing = await fixture.http("GET", restPath, { headers });
    assert.equal(missing.status, 404);
    assert.deepEqual(missing.json, { code: 5, message: "there is no such order", details: [] });
    fixture.services.reset();
    fixture.services.stream(watchOrder, failing({ code: 14, details: "not now" }));
    const unavailable = await fixture.http("GET", restPath, { headers });
    assert.equal(unavailable.status, 503);
    assert.equal((unavailable.json as { code: number }).code, 14);
    assert.equal(fixture.services.calls.length, 1);
    assertRestError(await fixture.http("GET", restPath), 401, 16, "MISSING_TOKEN");
    assertRestError(await fixture.http("GET", `${restPath}?afterSequence=x`, { headers }), 400, 3, "MALFORMED_REQUEST");
  });

  const transports: Record<string, (baseUrl: string) => Transport> = {
    gRPC: (baseUrl) => createGrpcTransport({ baseUrl }),
    "gRPC-Web": (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
    Connect: (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" }),
    "Connect over HTTP/2": (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2" }),
  };
  for (const [name, transport] of Object.entries(transports)) {
    it(`pass by ${name} entry by entry, with their error, and end when the caller goes away`, async () => {
      const client = createClient(OrderService, transport(fixture.gateway.url));
      const first = controlled();
      fixture.services.stream(watchOrder, first.stream);
      const responses = client.watchOrder({ name: "orders/1", afterSequence: 3n }, { headers });
      const next = iterator(responses);
      for (const sequence of [4n, 5n]) {
        first.send(entry(Number(sequence)));
        assert.equal((await next())?.orderEvent?.sequence, sequence);
      }
      first.fail({ code: 14, details: "stopping" });
      const error = await next().catch(ConnectError.from);
      assert.ok(error instanceof ConnectError);
      assert.equal(error.code, Code.Unavailable);
      assert.equal(error.rawMessage, "stopping");
      assert.equal(fixture.services.calls.length, 1);

      const second = controlled();
      fixture.services.stream(watchOrder, second.stream);
      const leaving = new AbortController();
      const cut = iterator(client.watchOrder({ name: "orders/1" }, { headers, signal: leaving.signal }));
      second.send(entry(1));
      await cut();
      leaving.abort();
      await eventually("the service's call has ended", second.isGone);
    });
  }
});

const getOrder = "/shop.order.v1.OrderService/GetOrder";

describe("a stream through a gateway that is short of time", () => {
  // What takes minutes elsewhere takes these: the limits of every call but a stream's, and the deadline of the stream.
  const short = "0.3s";
  const deadline = "4s";
  let fixture: GatewayFixture;
  let headers: Record<string, string>;
  before(async () => {
    fixture = await startFixture({}, (yaml) => {
      const revised = yaml
        .replaceAll("stream_idle_timeout: 300s", `stream_idle_timeout: ${short}`)
        .replaceAll("max_stream_duration: 15s", `max_stream_duration: ${short}`)
        .replaceAll("max_stream_duration: 600s", `max_stream_duration: ${deadline}`)
        .replaceAll("grpc_timeout_header_max: 600s", `grpc_timeout_header_max: ${deadline}`);
      assert.equal(revised.split(short).length, yaml.split(short).length + 2);
      return revised;
    });
    headers = await fixture.bearer();
  });
  after(() => fixture.stop());

  it("outlives silence and the limits of other calls, and is cut at the deadline of its method", async () => {
    const source = controlled();
    fixture.services.stream(watchOrder, source.stream);
    const opening = openHttp1(fixture.gateway.port, restPath, headers);
    source.send(entry(1));
    const { lines, close } = await opening;
    assert.ok(await lines.next());
    // A call that begins later than the stream and runs into its own deadline: so long has the stream been silent.
    fixture.services.answer(getOrder, () => undefined);
    assert.equal((await fixture.http("GET", "/v1/orders/1", { headers })).status, 504);
    source.send(entry(2));
    assert.equal((await lines.next()).last, false);
    // Nobody sends anything more: what ends it is the gateway.
    assert.equal(await lines.next(), undefined);
    await eventually("the service's call has ended", source.isGone);
    close();
  });
});

interface Controlled {
  readonly stream: Stream;
  send(fields: Fields): void;
  end(): void;
  fail(failure: { code: number; details: string }): void;
  /** Whether the caller is gone. */
  isGone(): boolean;
}

/** A stream whose entries a test sends one by one. */
function controlled(): Controlled {
  const waiting: (Fields | "end" | { failure: object })[] = [];
  let wake = () => {};
  let gone: AbortSignal | undefined;
  const add = (item: (typeof waiting)[number]) => {
    waiting.push(item);
    wake();
  };
  return {
    stream: async function* (_call, signal) {
      gone = signal;
      signal.addEventListener("abort", () => wake());
      while (!signal.aborted) {
        const item = waiting.shift();
        if (item === "end") return;
        if (item === undefined) await new Promise<void>((resolve) => (wake = resolve));
        else if ("failure" in item) throw item.failure;
        else yield item as Fields;
      }
    },
    send: add,
    end: () => add("end"),
    fail: (failure) => add({ failure }),
    isGone: () => gone?.aborted ?? false,
  };
}

function failing(failure: { code: number; details: string }): Stream {
  const source = controlled();
  source.fail(failure);
  return source.stream;
}

function entry(sequence: number): Fields {
  return { orderEvent: { name: `orders/1/events/${sequence}`, sequence: BigInt(sequence) } };
}

function iterator(responses: AsyncIterable<WatchOrderResponse>): () => Promise<WatchOrderResponse | undefined> {
  const entries = responses[Symbol.asyncIterator]();
  return async () => {
    const { done, value } = await entries.next();
    return done ? undefined : value;
  };
}

interface OpenStream {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  /** The next line as JSON; undefined once there are no more, however the stream ended. */
  readonly lines: { next(): Promise<Record<string, unknown>> };
  /** Goes away. */
  close(): void;
}

async function openHttp1(port: number, path: string, headers: Record<string, string>): Promise<OpenStream> {
  const call = request({ host: "127.0.0.1", port, path, headers, agent: false });
  call.end();
  const [response] = (await once(call, "response")) as [
    Readable & { statusCode?: number; headers: IncomingHttpHeaders },
  ];
  return openStream(response, { status: response.statusCode, headers: response.headers }, () => call.destroy());
}

async function openHttp2(port: number, path: string, headers: Record<string, string>): Promise<OpenStream> {
  const session = connect(`http://127.0.0.1:${port}`);
  const call = session.request({ ":path": path, ...headers });
  const [received] = (await once(call, "response")) as [IncomingHttpHeaders & { ":status"?: number }];
  return openStream(call, { status: received[":status"], headers: received }, () => {
    call.close();
    session.close();
  });
}

function openStream(
  body: Readable,
  { status, headers }: { status: number | undefined; headers: IncomingHttpHeaders },
  close: () => void,
): OpenStream {
  const lines = linesOf(headers["content-encoding"] === "gzip" ? body.compose(createGunzip()) : body);
  const next = async () => {
    const { done, value } = await lines.next();
    return done ? undefined : JSON.parse(value);
  };
  return { status, headers, lines: { next }, close };
}

async function* linesOf(body: Readable): AsyncGenerator<string, void> {
  let rest = "";
  try {
    for await (const chunk of body) {
      const [first = "", ...more] = String(chunk).split("\n");
      rest += first;
      for (const line of more) {
        yield rest;
        rest = line;
      }
    }
  } catch {
    // How a cut stream ends is the HTTP library's to say; what counts here is what came before.
  }
}
