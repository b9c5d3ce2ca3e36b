import { randomFillSync } from "node:crypto";
import { currentContext, runInContext } from "./work-context.ts";

/** One span's place in a distributed trace, as W3C Trace Context (level 1) carries it. */
export interface TraceContext {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** 16 lower-case hexadecimal digits, not all zero. */
  readonly spanId: string;
  /** Whether the spans of the trace are meant to be recorded. */
  readonly sampled: boolean;
  /** Entries of other tracing systems, passed on as they came. */
  readonly tracestate?: string;
}

const traceparentPattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const tracestateKey = "(?:[a-z][a-z0-9_\\-*/]{0,255}|[a-z0-9][a-z0-9_\\-*/]{0,240}@[a-z][a-z0-9_\\-*/]{0,13})";
const tracestateValue = "[\\x20-\\x2b\\x2d-\\x3c\\x3e-\\x7e]{0,255}[\\x21-\\x2b\\x2d-\\x3c\\x3e-\\x7e]";
const tracestateMember = new RegExp(`^${tracestateKey}=${tracestateValue}$`);
const tracestateMembersMax = 32;
const tracestateLengthMax = 8192;
const sampledFlag = 1;

/**
 * Reads a `traceparent` header and the `tracestate` beside it. Undefined when the traceparent is missing or malformed,
 * which means: start a new trace. A malformed tracestate alone is dropped.
 */
export function parseTraceparent(
  traceparent: string | null | undefined,
  tracestate?: string | null,
): TraceContext | undefined {
  const match = traceparentPattern.exec(traceparent ?? "");
  if (match === null) return undefined;
  const [, version, traceId = "", spanId = "", flags = "", more] = match;
  if (version === "ff" || (version === "00" && more !== undefined)) return undefined;
  if (isZero(traceId) || isZero(spanId)) return undefined;
  const sampled = (Number.parseInt(flags, 16) & sampledFlag) === sampledFlag;
  const state = parseTracestate(tracestate);
  return state === undefined ? { traceId, spanId, sampled } : { traceId, spanId, sampled, tracestate: state };
}

/** The `traceparent` header of a trace context, version 00. */
export function formatTraceparent(trace: TraceContext): string {
  return `00-${trace.traceId}-${trace.spanId}-${trace.sampled ? "01" : "00"}`;
}

/** The first span of a trace of its own, sampled. */
export function newTrace(): TraceContext {
  return { traceId: randomHex(16), spanId: randomHex(8), sampled: true };
}

/** A new span below trace: same trace, sampling and tracestate, a span id of its own. */
export function childOf(trace: TraceContext): TraceContext {
  return { ...trace, spanId: randomHex(8) };
}

/** The side of an exchange that a span stands for. */
export type SpanKind = "server" | "client" | "producer" | "consumer" | "internal";

/** Values that describe a span. Never secrets and never personal data: exporters send them away. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** What withSpan needs to know. */
export interface SpanOptions {
  /** Low-cardinality name, as in "package.Service/Method". */
  readonly name: string;
  /** Internal by default. */
  readonly kind?: SpanKind;
  /** Known at the start. */
  readonly attributes?: SpanAttributes;
  /** The remote caller or publisher. By default the current context's trace; without one a new trace starts. */
  readonly parent?: TraceContext;
}

/** A span while it runs. */
export interface Span {
  /** The span's own place in the trace: what outgoing headers carry. */
  readonly trace: TraceContext;
  /** Adds a value that is known only later. */
  setAttribute(key: string, value: string | number | boolean): void;
  /** Marks the span as failed without throwing; withSpan does it for whatever is thrown. */
  fail(error: unknown): void;
}

/** Where spans go when tracing is switched on; see telemetry/open-telemetry.ts. */
export interface SpanRecorder {
  /** Starts a span and decides its ids. */
  start(options: SpanOptions & { readonly parent: TraceContext | undefined }): Span & { end(): void };
}

let recorder: SpanRecorder | undefined;

/** Sends the spans of this process to a recorder from now on; undefined switches recording off. */
export function recordSpansWith(next: SpanRecorder | undefined): void {
  recorder = next;
}

/**
 * Runs work as one span: with a context whose trace is the new span, child of options.parent or of the current trace.
 * The span ends when work returns, or when the promise it returns settles; an error marks it as failed and passes
 * through. Deadline and signal of the current context stay. With recording off this only makes a span id.
 */
export function withSpan<T>(options: SpanOptions, work: (span: Span) => T): T {
  const context = currentContext();
  const parent = options.parent ?? context?.trace;
  if (recorder === undefined) {
    const trace = parent === undefined ? newTrace() : childOf(parent);
    return runInContext({ ...context, trace }, () => work({ trace, setAttribute: ignore, fail: ignore }));
  }
  const span = recorder.start({ ...options, parent });
  return runInContext({ ...context, trace: span.trace }, () => runToEnd(span, work));
}

function runToEnd<T>(span: Span & { end(): void }, work: (span: Span) => T): T {
  let result: T;
  try {
    result = work(span);
  } catch (error) {
    span.fail(error);
    span.end();
    throw error;
  }
  if (!(result instanceof Promise)) {
    span.end();
    return result;
  }
  return result.then(
    (value) => {
      span.end();
      return value;
    },
    (error) => {
      span.fail(error);
      span.end();
      throw error;
    },
  ) as T;
}

function ignore(): void {}

function parseTracestate(value: string | null | undefined): string | undefined {
  if (!value || value.length > tracestateLengthMax) return undefined;
  const members = value
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
  if (members.length === 0 || members.length > tracestateMembersMax) return undefined;
  if (!members.every((member) => tracestateMember.test(member))) return undefined;
  const keys = new Set(members.map((member) => member.slice(0, member.indexOf("="))));
  return keys.size === members.length ? members.join(",") : undefined;
}

function isZero(hex: string): boolean {
  return /^0+$/.test(hex);
}

// Filling a pool at once costs a fraction of one call to the generator per id.
const pool = Buffer.allocUnsafe(4096);
let poolOffset = pool.length;

function randomHex(bytes: number): string {
  if (poolOffset + bytes > pool.length) {
    randomFillSync(pool);
    poolOffset = 0;
  }
  const hex = pool.toString("hex", poolOffset, poolOffset + bytes);
  poolOffset += bytes;
  return isZero(hex) ? randomHex(bytes) : hex;
}
