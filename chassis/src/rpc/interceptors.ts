import type { Interceptor } from "@connectrpc/connect";
import { createValidateInterceptor } from "@connectrpc/validate";
import type { TokenVerifier } from "../auth/token-verifier.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { createAuthInterceptor } from "./interceptors/auth.ts";
import { createDeadlineInterceptor } from "./interceptors/deadline.ts";
import { createErrorInterceptor } from "./interceptors/errors.ts";
import { createLogInterceptor } from "./interceptors/log.ts";
import { createTraceInterceptor } from "./interceptors/trace.ts";

/**
 * The one chain that every call passes, on every wire, outermost first: trace, deadline, log, errors, auth, validation.
 * `domain` is the ErrorInfo domain of the errors. Create it once per service: both servers share it.
 */
export function createInterceptors(options: {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly verifier: TokenVerifier;
  readonly domain: string;
  readonly now: () => number;
}): Interceptor[] {
  return [
    createTraceInterceptor(),
    createDeadlineInterceptor(options),
    createLogInterceptor(options),
    createErrorInterceptor(options),
    createAuthInterceptor(options),
    createValidateInterceptor(),
  ];
}
