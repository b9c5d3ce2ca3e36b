import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import prom from "prom-client";
import { failPoint } from "../../fail-point.ts";
import type { Logger } from "../../log.ts";
import { durationBucketsSeconds, type Metrics } from "../../metrics.ts";
import { callerName, callerOf } from "../caller.ts";
import { errorInfoOf } from "../error-details.ts";
import { methodPath } from "../policy.ts";
import { wrapStream } from "./response-stream.ts";

const metricName = "rpc_server_duration_seconds";

/**
 * Writes one line and takes one duration for every call, streams included, when it has ended: method, code, duration,
 * caller, and for errors the reason. Never a field of a message.
 */
export function createLogInterceptor(options: { readonly log: Logger; readonly metrics: Metrics }): Interceptor {
  const durations = durationHistogram(options.metrics);
  return (next) => async (request) => {
    const startTime = performance.now();
    const method = methodPath(request.method);
    const finish = (error?: unknown): void => {
      const durationMs = performance.now() - startTime;
      const failure = error === undefined ? undefined : ConnectError.from(error);
      const code = failure === undefined ? "ok" : codeName(failure.code);
      durations.observe({ method, code }, durationMs / 1000);
      const caller = callerName(callerOf({ values: request.contextValues }));
      const line = { method, code, duration_ms: Math.round(durationMs * 100) / 100, caller };
      if (failure === undefined) options.log.info(line, "call");
      else options.log[levelOf(failure.code)]({ ...line, ...explain(failure) }, "call");
    };
    try {
      failPoint("request.before-work", method);
      const response = await next(request);
      failPoint("request.before-answer", method);
      if (!response.stream) {
        finish();
        return response;
      }
      const message = wrapStream(response.message, {
        end: (outcome) => {
          if (outcome.kind === "done") finish();
          else finish(outcome.kind === "failed" ? outcome.error : new ConnectError("abandoned", Code.Canceled));
        },
      });
      return { ...response, message };
    } catch (error) {
      finish(error);
      throw error;
    }
  };
}

function durationHistogram(metrics: Metrics): prom.Histogram<"method" | "code"> {
  const known = metrics.registry.getSingleMetric(metricName);
  if (known !== undefined) return known as prom.Histogram<"method" | "code">;
  return new prom.Histogram({
    name: metricName,
    help: "Time that calls took, by method and code.",
    labelNames: ["method", "code"],
    buckets: durationBucketsSeconds,
    registers: [metrics.registry],
  });
}

/** The name of a code as gRPC writes it, in lower case: `not_found`. */
function codeName(code: Code): string {
  return (Code[code] ?? "unknown").replace(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase();
}

function levelOf(code: Code): "info" | "warn" | "error" {
  switch (code) {
    case Code.Internal:
    case Code.Unknown:
    case Code.DataLoss:
      return "error";
    case Code.Unavailable:
    case Code.ResourceExhausted:
    case Code.DeadlineExceeded:
    case Code.Unimplemented:
      return "warn";
    default:
      return "info";
  }
}

// The cause of a DomainError is what an operator needs and a caller must not see, as in "database is locked".
function explain(error: ConnectError): Record<string, string> {
  const reason = errorInfoOf(error)?.reason;
  const root = error.cause instanceof Error ? error.cause.cause : undefined;
  return { ...(reason === undefined ? {} : { reason }), ...(root instanceof Error ? { cause: root.message } : {}) };
}
