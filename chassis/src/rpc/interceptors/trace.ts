import type { Interceptor, StreamResponse } from "@connectrpc/connect";
import { parseTraceparent, withSpan } from "../../trace.ts";
import { methodPath } from "../policy.ts";
import { wrapStream } from "./response-stream.ts";

/** Continues the caller's W3C trace, or starts one, and runs the call as a span of it and in its context. */
export function createTraceInterceptor(): Interceptor {
  return (next) => (request) => {
    const parent = parseTraceparent(request.header.get("traceparent"), request.header.get("tracestate"));
    const name = methodPath(request.method);
    const attributes = {
      "rpc.system": "grpc",
      "rpc.service": request.service.typeName,
      "rpc.method": request.method.name,
    };
    const options = { name, kind: "server" as const, attributes, ...(parent === undefined ? {} : { parent }) };
    if (!request.stream) return withSpan(options, () => next(request));

    return new Promise((resolve, reject) => {
      const whole = withSpan(options, async () => {
        const response = await next(request);
        if (response.stream) await new Promise<void>((ended, failed) => resolve(traced(response, ended, failed)));
        else resolve(response);
      });
      whole.catch(reject);
    });
  };
}

function traced(response: StreamResponse, ended: () => void, failed: (error: unknown) => void): StreamResponse {
  const message = wrapStream(response.message, {
    end: (outcome) => (outcome.kind === "failed" ? failed(outcome.error) : ended()),
  });
  return { ...response, message };
}
