import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createHandlerContext, type MethodImplSpec } from "@connectrpc/connect";
import type { Deadline, Metadata } from "@grpc/grpc-js";
import { malformedRequest } from "../refuse-call.ts";
import { headersFromMetadata } from "./metadata.ts";

/** What the bridge needs of a grpc-js call, of whatever kind. */
export interface GrpcCall {
  readonly metadata: Metadata;
  getDeadline(): Deadline;
  getHost(): string;
  getPath(): string;
  once(event: "cancelled", listener: () => void): unknown;
}

/** The context of a call being served. */
export type CallContext = ReturnType<typeof createHandlerContext>;

const timerMaxMs = 2 ** 31 - 1;

// Made once: an AbortController without a reason makes an exception with a stack for every call.
const callEnded = new ConnectError("the call has ended", Code.Canceled);

/**
 * Starts serving a call: its context with headers, deadline and a signal that is aborted when the caller goes. The
 * function `end` is called once the call is answered; grpc-js emits `cancelled` after every call, and from then on that
 * means nothing.
 */
export function startCall(call: GrpcCall, spec: MethodImplSpec): { context: CallContext; end: () => void } {
  const requestHeader = headersFromMetadata(call.metadata);
  const timeoutMs = timeoutOf(call.getDeadline());
  // grpc-js takes the header away; the deadline interceptor reads it, as on the other wire.
  if (timeoutMs !== undefined) requestHeader.push(["grpc-timeout", `${Math.min(Math.ceil(timeoutMs), 99_999_999)}m`]);
  const context = createHandlerContext({
    service: spec.method.parent,
    method: spec.method,
    protocolName: "grpc",
    requestMethod: "POST",
    url: `http://${call.getHost()}${call.getPath()}`,
    requestHeader,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  let answered = false;
  call.once("cancelled", () => {
    if (answered) return;
    const expired = timeoutMs !== undefined && Number(call.getDeadline()) <= Date.now();
    context.abort(new ConnectError("the caller has gone", expired ? Code.DeadlineExceeded : Code.Canceled));
  });
  const end = (): void => {
    answered = true;
    context.abort(callEnded);
  };
  return { context, end };
}

/** Decodes a request. Throws `invalid` MALFORMED_REQUEST for bytes that are no such message. */
export function decodeRequest<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw malformedRequest(schema, cause);
  }
}

/** Encodes a response. Throws when it is larger than may be sent. */
export function encodeResponse<D extends DescMessage>(schema: D, message: MessageShape<D>, bytesMax: number): Buffer {
  const bytes = toBinary(schema, message);
  if (bytes.byteLength > bytesMax) {
    throw new ConnectError(`the response is larger than ${bytesMax} bytes`, Code.ResourceExhausted);
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function timeoutOf(deadline: Deadline): number | undefined {
  const deadlineTime = Number(deadline);
  if (!Number.isFinite(deadlineTime)) return undefined;
  return Math.min(Math.max(deadlineTime - Date.now(), 0), timerMaxMs);
}
