import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { parseTimeout as parseConnectTimeout } from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout } from "@connectrpc/connect/protocol-grpc";
import { newTrace } from "../../trace.ts";
import { currentContext, runInContext } from "../../work-context.ts";
import { methodPath, policyOf } from "../policy.ts";
import { wrapStream } from "./response-stream.ts";

/**
 * Gives every call a deadline: the caller's, but never later than the method's policy allows. It travels in the work
 * context, and the call's signal is aborted with DEADLINE_EXCEEDED when it passes. From then on, and once the caller has
 * gone, the context says that the call is over.
 */
export function createDeadlineInterceptor(options: { readonly now: () => number }): Interceptor {
  return (next) => async (request) => {
    const timeoutMs = Math.min(policyOf(request.method).deadlineMs, callerTimeoutMs(request.header));
    const limit = abortAfter(timeoutMs, request.signal);
    const context = currentContext() ?? { trace: newTrace() };
    const work = methodPath(request.method);
    const { signal } = limit;
    const endTime = performance.now() + timeoutMs;
    const isOver = () => signal.aborted || performance.now() >= endTime;
    const limited = { ...context, work, deadlineTime: options.now() + timeoutMs, signal, isOver };
    try {
      const response = await runInContext(limited, () => next({ ...request, signal }));
      if (response.stream) {
        const message = wrapStream(response.message, { run: (work) => runInContext(limited, work), end: limit.end });
        return { ...response, message };
      }
      limit.end();
      return response;
    } catch (error) {
      limit.end();
      throw error;
    }
  };
}

function callerTimeoutMs(header: Headers): number {
  const grpc = parseGrpcTimeout(header.get("grpc-timeout"), Number.MAX_SAFE_INTEGER).timeoutMs;
  const connect = parseConnectTimeout(header.get("connect-timeout-ms"), Number.MAX_SAFE_INTEGER).timeoutMs;
  return Math.min(grpc ?? Number.POSITIVE_INFINITY, connect ?? Number.POSITIVE_INFINITY);
}

function abortAfter(timeoutMs: number, gone: AbortSignal) {
  const controller = new AbortController();
  const expire = () => controller.abort(new ConnectError("deadline exceeded", Code.DeadlineExceeded));
  const timer = setTimeout(expire, timeoutMs);
  // The timer too: nobody may be left to read a stream to its end, and its deadline can be minutes away.
  const leave = () => {
    clearTimeout(timer);
    controller.abort(gone.reason);
  };
  if (gone.aborted) leave();
  else if (timeoutMs <= 0) expire();
  else gone.addEventListener("abort", leave);
  const end = (): void => {
    clearTimeout(timer);
    gone.removeEventListener("abort", leave);
  };
  return { signal: controller.signal, end };
}
