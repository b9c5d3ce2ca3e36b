import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, it } from "mocha";
import { DomainError } from "../domain-error.ts";
import { silentLogger } from "../log.ts";
import { type TraceContext, withSpan } from "../trace.ts";
import { startTracing, type Tracing } from "./open-telemetry.ts";

const parent: TraceContext = {
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  spanId: "00f067aa0ba902b7",
  sampled: true,
  tracestate: "a=1",
};

describe("OpenTelemetry export", () => {
  let receiver: SpanReceiver;
  let tracing: Tracing;

  beforeEach(async () => {
    receiver = await startSpanReceiver();
    tracing = await startTracing({ service: "things-svc", endpoint: `${receiver.url}/`, log: silentLogger() });
  });

  afterEach(async () => {
    await tracing.stop();
    await receiver.stop();
  });

  it("delivers spans with their service, name, kind, attributes and place in the trace", async () => {
    const inner = await withSpan(
      { name: "outer", kind: "server", attributes: { "rpc.method": "Get" }, parent },
      async (span) => {
        span.setAttribute("rows", 3);
        return withSpan({ name: "inner", kind: "client" }, ({ trace }) => trace);
      },
    );
    await tracing.stop();

    const [first, second] = receiver.spans();
    assert.deepEqual([first?.name, first?.kind, second?.name, second?.kind], ["inner", 3, "outer", 2]);
    assert.equal(second?.service, "things-svc");
    assert.equal(second?.parentSpanId, parent.spanId);
    assert.deepEqual([first?.traceId, second?.traceId], [parent.traceId, parent.traceId]);
    assert.equal(first?.parentSpanId, second?.spanId);
    assert.deepEqual(inner, { ...parent, spanId: first?.spanId });
    assert.deepEqual(second?.attributes, { "rpc.method": "Get", rows: 3 });
  });

  it("marks a failed span by its reason, without the message", async () => {
    const error = new DomainError("invalid", "TOO_LONG", "secret words are too long");
    await assert.rejects(
      withSpan({ name: "failing" }, async () => {
        throw error;
      }),
      error,
    );
    assert.throws(() => withSpan({ name: "throwing" }, () => assert.fail("secret")));
    await tracing.stop();
    assert.deepEqual(
      receiver.spans().map(({ attributes }) => attributes["error.type"]),
      ["TOO_LONG", "AssertionError ERR_ASSERTION"],
    );
    assert.deepEqual(
      receiver.spans().map(({ status }) => status.code),
      [2, 2],
    );
    assert.ok(!receiver.text().includes("secret"));
  });

  it("follows the caller's decision not to record", async () => {
    const trace = withSpan({ name: "unrecorded", parent: { ...parent, sampled: false } }, (span) => span.trace);
    assert.deepEqual([trace.traceId, trace.sampled], [parent.traceId, false]);
    await tracing.stop();
    assert.deepEqual(receiver.spans(), []);
  });

  it("starts and records a trace where there is none", async () => {
    const trace = withSpan({ name: "root" }, (span) => span.trace);
    await tracing.stop();
    assert.deepEqual(
      receiver.spans().map(({ traceId, parentSpanId }) => [traceId, parentSpanId || undefined]),
      [[trace.traceId, undefined]],
    );
  });

  it("stops in time when nobody receives", async () => {
    await receiver.stop();
    withSpan({ name: "lost" }, () => {});
    await tracing.stop();
    assert.deepEqual(receiver.spans(), []);
  });

  it("loads no SDK without an endpoint", async () => {
    const script = `
      import { registerHooks } from "node:module";
      registerHooks({ load: (url, context, next) => {
        if (url.includes("@opentelemetry")) throw new Error(url);
        return next(url, context);
      } });
      const { startTracing } = await import(${JSON.stringify(new URL("open-telemetry.ts", import.meta.url).href)});
      await startTracing({ service: "things-svc", endpoint: process.argv[1], log: console });
      console.log("started");`;
    const start = (...endpoint: string[]) =>
      promisify(execFile)(process.execPath, ["--input-type=module", "-e", script, "--", ...endpoint]);
    assert.match((await start()).stdout, /started/);
    await assert.rejects(start("http://127.0.0.1:1"), /tracing needs the optional @opentelemetry packages/);
  });
});

interface ReceivedSpan {
  readonly service: string;
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes: Record<string, unknown>;
  readonly status: { readonly code: number };
}

interface SpanReceiver {
  readonly url: string;
  spans(): ReceivedSpan[];
  text(): string;
  stop(): Promise<void>;
}

/** The parts of OTLP's JSON form that the tests read. */
interface OtlpRequest {
  readonly resourceSpans: {
    readonly resource: { readonly attributes: OtlpAttribute[] };
    readonly scopeSpans: { readonly spans: (Omit<ReceivedSpan, "attributes"> & { attributes: OtlpAttribute[] })[] }[];
  }[];
}
interface OtlpAttribute {
  readonly key: string;
  readonly value: Record<string, unknown>;
}

async function startSpanReceiver(): Promise<SpanReceiver> {
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    if (request.url === "/v1/traces") bodies.push(Buffer.concat(chunks).toString());
    response.writeHead(200, { "content-type": "application/json", connection: "close" }).end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spans: () => bodies.flatMap((body) => readSpans(JSON.parse(body))),
    text: () => bodies.join("\n"),
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function readSpans(request: OtlpRequest): ReceivedSpan[] {
  return request.resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(readAttributes(resource.attributes)["service.name"]);
    const spans = scopeSpans.flatMap((scope) => scope.spans);
    return spans.map((span) => ({ ...span, service, attributes: readAttributes(span.attributes) }));
  });
}

function readAttributes(attributes: readonly OtlpAttribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
