import { ValidationError } from "@bufbuild/protovalidate";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { DomainError } from "../../domain-error.ts";
import type { Logger } from "../../log.ts";
import { brokenRules } from "../broken-rules.ts";
import { errorInfoOf, newConnectError, toConnectError } from "../error-details.ts";
import { methodPath } from "../policy.ts";
import { wrapStream } from "./response-stream.ts";

/**
 * Turns whatever a call throws into an error its caller may see, always with ErrorInfo. DomainErrors keep their code;
 * violations of the contract become BadRequest; anything unforeseen is logged with its stack and answered as INTERNAL.
 *
 * It also ends the wait for a method whose deadline has passed or whose caller has gone, whatever the method does.
 */
export function createErrorInterceptor(options: { readonly log: Logger; readonly domain: string }): Interceptor {
  return (next) => async (request) => {
    const { signal } = request;
    const translate = (error: unknown): ConnectError => {
      if (error instanceof ConnectError && error.cause instanceof ValidationError) {
        const sent = request.stream ? undefined : request.message;
        return toConnectError(brokenRules(error.cause, request.method.input, sent), options.domain);
      }
      const known = translateKnown(error, signal, options.domain);
      if (known !== undefined) return known;
      options.log.error({ err: error, method: methodPath(request.method) }, "unexpected error");
      return internalError(options.domain);
    };
    try {
      const response = await orAborted(signal, () => next(request));
      if (!response.stream) return response;
      const message = wrapStream(response.message, {
        signal,
        step: async (step) => {
          try {
            return await orAborted(signal, step);
          } catch (error) {
            throw translate(error);
          }
        },
      });
      return { ...response, message };
    } catch (error) {
      throw translate(error);
    }
  };
}

/** The error that stands for every unforeseen one. */
function internalError(domain: string): ConnectError {
  return newConnectError({ code: Code.Internal, reason: "INTERNAL", domain, message: "internal error" });
}

function translateKnown(error: unknown, signal: AbortSignal, domain: string): ConnectError | undefined {
  if (error instanceof DomainError) return toConnectError(error, domain);
  if (error instanceof ConnectError) {
    if (error.code === Code.DeadlineExceeded) return deadlineExceeded(domain);
    if (error.code === Code.Canceled) return cancelled(domain);
    return translateProtocolError(error, domain);
  }
  if (signal.aborted && (error === signal.reason || isAbortError(error))) return cancelled(domain);
  return undefined;
}

// What Connect itself raises, as for a method that is not implemented. Errors that came over the wire from another
// service are none of this caller's business: the code that made the call has to translate them.
function translateProtocolError(error: ConnectError, domain: string): ConnectError | undefined {
  if (cameOverTheWire(error) || error.code === Code.Internal || error.code === Code.Unknown) return undefined;
  if (error.code === Code.InvalidArgument && error.cause !== undefined && errorInfoOf(error) === undefined) {
    const isOurs = error.cause instanceof Error && /^(Compilation|Runtime)Error$/.test(error.cause.name);
    if (isOurs) return undefined;
  }
  if (errorInfoOf(error) !== undefined) return error;
  const reason = reasonOf(error.code);
  const named = newConnectError({ code: error.code, reason, domain, message: error.rawMessage, cause: error });
  error.metadata.forEach((value, key) => {
    named.metadata.append(key, value);
  });
  return named;
}

function reasonOf(code: Code): string {
  if (code === Code.InvalidArgument) return "MALFORMED_REQUEST";
  return (Code[code] ?? "UNKNOWN").replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}

function deadlineExceeded(domain: string): ConnectError {
  const message = "deadline exceeded";
  return newConnectError({ code: Code.DeadlineExceeded, reason: "DEADLINE_EXCEEDED", domain, message });
}

function cancelled(domain: string): ConnectError {
  return newConnectError({ code: Code.Canceled, reason: "CANCELLED", domain, message: "the caller has gone" });
}

function isAbortError(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

function cameOverTheWire(error: ConnectError): boolean {
  return "isWireError" in error && error.isWireError === true;
}

async function orAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  if (signal.aborted) throw abortReason(signal);
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(abortReason(signal));
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([work(), promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function abortReason(signal: AbortSignal): Error {
  if (signal.reason instanceof DomainError) return signal.reason;
  const expired = signal.reason instanceof ConnectError && signal.reason.code === Code.DeadlineExceeded;
  return new ConnectError("aborted", expired ? Code.DeadlineExceeded : Code.Canceled);
}
