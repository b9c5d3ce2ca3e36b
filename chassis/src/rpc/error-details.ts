import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  BadRequestSchema,
  type ErrorInfo,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "@quartet/proto/google/rpc/error_details_pb";
import type { DomainError, ErrorKind } from "../domain-error.ts";

/** The one place where kinds become gRPC codes. */
export const codeOfKind: Readonly<Record<ErrorKind, Code>> = {
  invalid: Code.InvalidArgument,
  not_found: Code.NotFound,
  already_exists: Code.AlreadyExists,
  failed_precondition: Code.FailedPrecondition,
  aborted: Code.Aborted,
  permission_denied: Code.PermissionDenied,
  unauthenticated: Code.Unauthenticated,
  resource_exhausted: Code.ResourceExhausted,
  deadline_exceeded: Code.DeadlineExceeded,
  unavailable: Code.Unavailable,
};

// Details travel in response headers, which clients and proxies limit: 16 KiB for Node's HTTP/1.1.
const fieldViolationsMax = 20;
const textLengthMax = 500;

/** The error that a caller sees for a DomainError: its code, its message and google.rpc details. */
export function toConnectError(error: DomainError, domain: string): ConnectError {
  const sent = newConnectError({ code: codeOfKind[error.kind], reason: error.reason, domain, ...pick(error) });
  if (error.fields.length > 0) {
    const fieldViolations = error.fields
      .slice(0, fieldViolationsMax)
      .map(({ field, description }) => ({ field: shorten(field), description: shorten(description) }));
    sent.details.push({ desc: BadRequestSchema, value: create(BadRequestSchema, { fieldViolations }) });
  }
  if (error.retryDelayMs !== undefined) {
    const retryDelay = durationFromMs(error.retryDelayMs);
    sent.details.push({ desc: RetryInfoSchema, value: create(RetryInfoSchema, { retryDelay }) });
    // HTTP clients look for the header.
    sent.metadata.set("retry-after", String(Math.ceil(error.retryDelayMs / 1_000)));
  }
  return sent;
}

/** An error with ErrorInfo, for what goes wrong outside the domain: deadlines, protocol errors, defects. */
export function newConnectError(options: {
  readonly code: Code;
  readonly reason: string;
  readonly domain: string;
  readonly message: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}): ConnectError {
  const { code, reason, domain, metadata = {} } = options;
  const value = create(ErrorInfoSchema, { reason, domain, metadata: shortenAll(metadata) });
  const info = { desc: ErrorInfoSchema, value };
  return new ConnectError(shorten(options.message), code, undefined, [info], options.cause);
}

/** The ErrorInfo of an error, received or about to be sent; undefined when it has none. */
export function errorInfoOf(error: ConnectError): ErrorInfo | undefined {
  return error.findDetails(ErrorInfoSchema)[0];
}

function pick(error: DomainError): { message: string; metadata: Readonly<Record<string, string>>; cause: unknown } {
  return { message: error.message, metadata: error.metadata, cause: error };
}

function shortenAll(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, shorten(value)]));
}

// Well-formed, because half a surrogate pair can be encoded neither in a header nor in a message.
function shorten(text: string): string {
  return (text.length <= textLengthMax ? text : `${text.slice(0, textLengthMax - 1)}…`).toWellFormed();
}
