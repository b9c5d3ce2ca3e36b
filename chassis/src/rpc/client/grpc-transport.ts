import type { DescMethodStreaming, DescMethodUnary, DescService } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createContextValues,
  type Interceptor,
  type StreamResponse,
  type Transport,
} from "@connectrpc/connect";
import { runStreamingCall, runUnaryCall } from "@connectrpc/connect/protocol";
import { type ChannelCredentials, Client, credentials, type StatusObject, status } from "@grpc/grpc-js";
import { formatTraceparent, type TraceContext, withSpan } from "../../trace.ts";
import { currentContext } from "../../work-context.ts";
import { methodPath, policyOf } from "../policy.ts";
import { callServerStream } from "./server-stream-call.ts";
import { type ChannelLimits, channelLimits, channelOptionsOf } from "./service-config.ts";
import { statusError } from "./status-error.ts";
import { type CallsUnderWay, callUnary } from "./unary-call.ts";

/** What createGrpcTransport needs. */
export interface GrpcTransportOptions {
  /** "host:port" or "dns:///host:port" (every address of the name is used), or "ipv4:a:p,b:p" for fixed ones. */
  readonly target: string;
  /** The services that are called. Their contract decides what may be retried. */
  readonly services: readonly DescService[];
  /** For calls that name no timeout of their own. */
  readonly timeoutMs?: number;
  /** Replaces some of the default bounds. */
  readonly limits?: Partial<ChannelLimits>;
  /** Plain text by default. */
  readonly credentials?: ChannelCredentials;
  /** Run around every call, outermost first from the end, as in any Connect transport. */
  readonly interceptors?: Interceptor[];
  /** The clock that deadlines of the current context are measured by. */
  readonly now?: () => number;
}

/** A Connect transport with a connection to let go of. */
export interface GrpcTransport extends Transport {
  /** Ends the channel. Calls under way are cancelled; later ones end with UNAVAILABLE. */
  close(): void;
}

const timeoutDefaultMs = 5_000;

/**
 * Creates a transport that calls other services by gRPC over one channel of @grpc/grpc-js, to all their instances in
 * turn. Every call has a deadline: its own timeout (or timeoutMs), cut to the contract's deadline of the method and to
 * what is left of the current context's. Trace and abort signal of the current context go along. UNAVAILABLE is retried
 * where the contract allows it. Errors are ConnectErrors with the server's details. Server streams end with their
 * deadline; a reader that stops before the end aborts the signal it called with. Client streams are UNIMPLEMENTED.
 */
export function createGrpcTransport(options: GrpcTransportOptions): GrpcTransport {
  const { timeoutMs: timeoutOfClientMs = timeoutDefaultMs, interceptors, now = Date.now } = options;
  const limits = { ...channelLimits, ...options.limits };
  const channelOptions = channelOptionsOf(options.services, limits);
  const client = new Client(options.target, options.credentials ?? credentials.createInsecure(), channelOptions);
  const underWay: CallsUnderWay = new Set();
  let closed = false;

  const timeLeftMs = (method: DescMethodUnary | DescMethodStreaming, timeoutMs: number | undefined): number => {
    const asked = timeoutMs !== undefined && timeoutMs > 0 ? timeoutMs : timeoutOfClientMs;
    const deadlineTime = currentContext()?.deadlineTime ?? Number.POSITIVE_INFINITY;
    const left = Math.min(asked, policyOf(method).deadlineMs, deadlineTime - now());
    if (closed) throw new ConnectError("the channel is closed", Code.Unavailable);
    if (left <= 0) throw new ConnectError("no time is left for the call", Code.DeadlineExceeded);
    return left;
  };

  return {
    async unary(method, signal, timeoutMs, header, input, contextValues) {
      // The deadline counts from here, interceptors included; the channel's own clock is the real one.
      const deadline = Date.now() + timeLeftMs(method, timeoutMs);
      const combined = withContextSignal(signal);
      return withSpan(spanOptions(method), ({ trace }) =>
        runUnaryCall({
          interceptors,
          signal: combined,
          req: {
            stream: false,
            service: method.parent,
            method,
            requestMethod: "POST",
            url: urlOf(method),
            header: headersOf(header, trace),
            contextValues: contextValues ?? createContextValues(),
            message: input,
          },
          next: (request) => callUnary({ client, underWay, deadline }, request),
        }),
      );
    },

    async stream(method, signal, timeoutMs, header, input, contextValues) {
      const deadline = Date.now() + timeLeftMs(method, timeoutMs);
      const combined = withContextSignal(signal);
      const response = Promise.withResolvers<StreamResponse<typeof method.input, typeof method.output>>();
      const whole = withSpan(spanOptions(method), async ({ trace, fail }) => {
        const ended = Promise.withResolvers<StatusObject>();
        const started = await runStreamingCall({
          interceptors,
          signal: combined,
          req: {
            stream: true,
            service: method.parent,
            method,
            requestMethod: "POST",
            url: urlOf(method),
            header: headersOf(header, trace),
            contextValues: contextValues ?? createContextValues(),
            message: input,
          },
          next: (request) => callServerStream({ client, underWay, deadline }, request, ended.resolve),
        });
        response.resolve(started as StreamResponse<typeof method.input, typeof method.output>);
        // The span stands for the whole stream, not for its start.
        const final = await ended.promise;
        if (final.code !== status.OK) fail(statusError(final));
      });
      whole.catch(response.reject);
      return response.promise;
    },

    close: () => {
      closed = true;
      client.close();
      // The channel would let them run into their deadlines.
      for (const call of underWay) call.cancel();
    },
  };
}

function withContextSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  const outer = currentContext()?.signal;
  if (signal === undefined || outer === undefined) return signal ?? outer;
  return AbortSignal.any([signal, outer]);
}

function headersOf(init: ConstructorParameters<typeof Headers>[0], trace: TraceContext): Headers {
  const headers = new Headers(init);
  headers.set("traceparent", formatTraceparent(trace));
  if (trace.tracestate !== undefined) headers.set("tracestate", trace.tracestate);
  return headers;
}

function spanOptions(method: DescMethodUnary | DescMethodStreaming) {
  return {
    name: methodPath(method),
    kind: "client" as const,
    attributes: { "rpc.system": "grpc", "rpc.service": method.parent.typeName, "rpc.method": method.name },
  };
}

// Interceptors expect an address; where a call goes is decided by the channel.
function urlOf(method: DescMethodUnary | DescMethodStreaming): string {
  return `grpc://channel/${methodPath(method)}`;
}
