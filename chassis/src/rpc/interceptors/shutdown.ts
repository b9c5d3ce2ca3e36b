import type { Interceptor } from "@connectrpc/connect";
import { DomainError } from "../../domain-error.ts";

/**
 * Ends streams of responses with UNAVAILABLE when a server stops: they could go on for longer than a stop may take, and
 * their readers know how to resume. Single calls are left to finish.
 */
export function createShutdownInterceptor(shutdown: AbortSignal): Interceptor {
  return (next) => (request) => {
    if (!request.stream) return next(request);
    return next({ ...request, signal: AbortSignal.any([request.signal, shutdown]) });
  };
}

/** After how long a reader may come back: to another instance at once, to the same one when it has started again. */
const retryDelayMs = 250;

/** The reason a server aborts its streams with when it stops. */
export function shuttingDown(): DomainError {
  return new DomainError("unavailable", "SHUTTING_DOWN", "the server is shutting down", { retryDelayMs });
}
