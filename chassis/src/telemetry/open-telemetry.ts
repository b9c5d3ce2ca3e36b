import type { Span as OtelSpan } from "@opentelemetry/api";
import type { Logger } from "../log.ts";
import { recordSpansWith, type SpanKind, type TraceContext } from "../trace.ts";

/** What startTracing needs. */
export interface TracingOptions {
  /** The name that the spans are filed under. */
  readonly service: string;
  /** Base address of an OTLP/HTTP receiver, as in OTEL_EXPORTER_OTLP_ENDPOINT. Undefined: spans go nowhere. */
  readonly endpoint: string | undefined;
  readonly log: Logger;
  /** How long an ended span may wait for others to be sent with. */
  readonly exportDelayMs?: number;
}

/** Tracing that is switched on. */
export interface Tracing {
  /** Sends what is left, for at most two seconds, and stops recording. */
  stop(): Promise<void>;
}

const exportDelayDefaultMs = 5_000;
const exportTimeoutMs = 10_000;
const unsentSpansMax = 2_048;
const stopTimeoutMs = 2_000;

/**
 * Sends the spans of this process to an OpenTelemetry receiver, by OTLP/HTTP with JSON; headers and certificates come
 * from the OTEL_EXPORTER_OTLP_* variables that the exporter reads itself. The SDK is loaded only here, so a service
 * without an endpoint pays nothing for it. A caller's decision about sampling is followed; traces that start here are
 * recorded. A receiver that is away costs a log line now and then, and spans, never a call. Rejects when an endpoint is
 * given and the optional packages are not installed.
 */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const { service, endpoint, log, exportDelayMs = exportDelayDefaultMs } = options;
  if (endpoint === undefined || endpoint === "") return { stop: async () => {} };
  const { api, sdk, resources, otlp } = await loadSdk();
  const { diag, DiagLogLevel, ROOT_CONTEXT, SpanStatusCode, TraceFlags, trace } = api;

  const report = (message: string): void => log.warn({ endpoint }, `tracing: ${message}`);
  diag.setLogger(
    { error: report, warn: report, info: () => {}, debug: () => {}, verbose: () => {} },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const exporter = new otlp.OTLPTraceExporter({
    url: `${endpoint.replace(/\/+$/, "")}/v1/traces`,
    timeoutMillis: exportTimeoutMs,
  });
  const provider = new sdk.TracerProvider({
    resource: resources.resourceFromAttributes({ "service.name": service }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.AlwaysOnSampler() }),
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter,
        scheduledDelayMillis: exportDelayMs,
        exportTimeoutMillis: exportTimeoutMs,
        maxQueueSize: unsentSpansMax,
      }),
    ],
  });
  const tracer = provider.getTracer("@quartet/chassis");
  const kinds: Readonly<Record<SpanKind, number>> = {
    internal: api.SpanKind.INTERNAL,
    server: api.SpanKind.SERVER,
    client: api.SpanKind.CLIENT,
    producer: api.SpanKind.PRODUCER,
    consumer: api.SpanKind.CONSUMER,
  };
  const contextOf = (parent: TraceContext | undefined) => {
    if (parent === undefined) return ROOT_CONTEXT;
    const { traceId, spanId, sampled, tracestate } = parent;
    const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
    const traceState = tracestate === undefined ? undefined : api.createTraceState(tracestate);
    return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, traceState, isRemote: true });
  };

  recordSpansWith({
    start: ({ name, kind = "internal", attributes, parent }) => {
      const span = tracer.startSpan(name, { kind: kinds[kind], attributes }, contextOf(parent));
      return {
        trace: placeOf(span, parent),
        setAttribute: (key, value) => void span.setAttribute(key, value),
        fail: (error) => {
          const type = errorType(error);
          span.setAttribute("error.type", type);
          span.setStatus({ code: SpanStatusCode.ERROR, message: type });
        },
        end: () => span.end(),
      };
    },
  });
  log.info({ endpoint }, "tracing is on");
  return {
    stop: async () => {
      recordSpansWith(undefined);
      await bounded(provider.shutdown(), stopTimeoutMs).catch((error) => log.warn({ err: error }, "spans were lost"));
    },
  };
}

async function loadSdk() {
  try {
    const [api, sdk, resources, otlp] = await Promise.all([
      import("@opentelemetry/api"),
      import("@opentelemetry/sdk-trace"),
      import("@opentelemetry/resources"),
      import("@opentelemetry/exporter-trace-otlp-http"),
    ]);
    return { api, sdk, resources, otlp };
  } catch (error) {
    throw new Error("tracing needs the optional @opentelemetry packages of @quartet/chassis", { cause: error });
  }
}

function placeOf(span: OtelSpan, parent: TraceContext | undefined): TraceContext {
  const { traceId, spanId, traceFlags } = span.spanContext();
  const tracestate = parent?.tracestate;
  return { traceId, spanId, sampled: (traceFlags & 1) === 1, ...(tracestate === undefined ? {} : { tracestate }) };
}

// Reasons, codes and names only: a message may quote what a person entered, and the log has it anyway.
function errorType(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  if ("reason" in error && typeof error.reason === "string") return error.reason;
  if ("code" in error && ["string", "number"].includes(typeof error.code)) return `${error.name} ${error.code}`;
  return error.name;
}

async function bounded(work: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${timeoutMs} ms`)), timeoutMs);
  });
  await Promise.race([work, timeout]).finally(() => clearTimeout(timer));
}
