import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { headerGrpcMessage, headerGrpcStatus, setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { Metadata, type StatusObject } from "@grpc/grpc-js";
import { metadataFromHeaders } from "./metadata.ts";

/**
 * The status that ends a failed call: code and message, and in its metadata `grpc-status-details-bin` with the details,
 * the error's own metadata, and the headers and trailers the method had set, if it was called. Sent before any message,
 * grpc-js answers with nothing but trailers, which is what lets a proxy see the failure and retry.
 */
export function statusOfError(error: unknown, context?: HandlerContext): Partial<StatusObject> {
  const failure = error instanceof ConnectError ? error : new ConnectError("internal error", Code.Internal);
  const status = { code: failure.code as number, details: failure.rawMessage };
  try {
    const details = setTrailerStatus(new Headers(), failure);
    details.delete(headerGrpcStatus);
    details.delete(headerGrpcMessage);
    const set = context === undefined ? [] : [context.responseHeader, context.responseTrailer];
    return { ...status, metadata: metadataFromHeaders(...set, details) };
  } catch {
    // A header that gRPC cannot carry must not take the status with it.
    return { ...status, metadata: new Metadata() };
  }
}
