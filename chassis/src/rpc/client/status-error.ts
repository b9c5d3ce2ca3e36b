import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { StatusObject } from "@grpc/grpc-js";
import { StatusSchema } from "@quartet/proto/google/rpc/status_pb";
import { toHeaders } from "./metadata.ts";

const detailsKey = "grpc-status-details-bin";

/** The error of a call that ended with a status other than OK, with the details that the server sent. */
export function statusError(status: StatusObject): ConnectError {
  const code = status.code in Code ? (status.code as number as Code) : Code.Unknown;
  const error = new ConnectError(status.details, code, toHeaders(status.metadata));
  error.details = detailsOf(status);
  // A server that lets the error through must not pass on its neighbour's headers as its own.
  error.isWireError = true;
  return error;
}

function detailsOf(status: StatusObject): { type: string; value: Uint8Array }[] {
  const [bytes] = status.metadata.get(detailsKey);
  if (!(bytes instanceof Uint8Array)) return [];
  try {
    return fromBinary(StatusSchema, bytes).details.map(({ typeUrl, value }) => ({
      type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1),
      value,
    }));
  } catch {
    // Code and message stand without them.
    return [];
  }
}
