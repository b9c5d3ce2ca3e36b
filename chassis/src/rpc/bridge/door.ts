import {
  constants,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { DescMethod } from "@bufbuild/protobuf";
import type { Server, StatusObject } from "@grpc/grpc-js";
import type { Admission } from "../admission.ts";
import type { ServiceRegistration } from "../implement.ts";
import { methodPath } from "../policy.ts";
import { statusOfError } from "./status.ts";
import type { StreamLimits } from "./stream-limits.ts";

/**
 * Answers single calls that the admission would not let in, before grpc-js makes anything of them: that saves half of what a
 * refusal costs. What passes has no place yet; it asks for one once its message is there, so that nobody holds a place by
 * being slow to send it. The stream limits are told of every call. To be called after a connection injector was made of the
 * server. Throws when grpc-js has changed.
 */
export function guardDoor(
  server: Server,
  options: {
    readonly registrations: readonly ServiceRegistration[];
    readonly admission: Admission;
    readonly streamLimits: StreamLimits;
  },
): void {
  const { registrations, admission, streamLimits } = options;
  const methods = new Map<string | undefined, DescMethod>();
  for (const method of registrations.flatMap(({ service }) => service.methods)) {
    if (method.methodKind === "unary") methods.set(`/${methodPath(method)}`, method);
  }
  const answer = headersOf(statusOfError(admission.refusal()));
  const http2Server = innerServer(server);
  const [serve, ...others] = http2Server.listeners("stream");
  if (serve === undefined || others.length > 0) throw new Error("grpc-js does not listen to streams as it did");

  http2Server.removeListener("stream", serve as () => void);
  http2Server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ...rest: unknown[]) => {
    const method = methods.get(headers[":path"]);
    const isRefused = method !== undefined && admission.refuses(method);
    if (method !== undefined) streamLimits.count(stream, headers, !isRefused);
    if (isRefused) void refuse(stream, admission, answer);
    else serve.call(http2Server, stream, headers, ...rest);
  });
}

async function refuse(stream: ServerHttp2Stream, admission: Admission, answer: OutgoingHttpHeaders): Promise<void> {
  // Its caller may go, or its connection break, at any time.
  stream.on("error", () => {});
  stream.resume();
  await admission.keepBack();
  if (stream.destroyed || stream.closed) return;
  stream.respond(answer, { endStream: true });
  // Who goes on sending would have it read without an end, and hold the stream for as long.
  if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
}

/** Nothing but trailers, as grpc-js sends a status before any message. */
function headersOf({ code, details = "", metadata }: Partial<StatusObject>): OutgoingHttpHeaders {
  return {
    ":status": 200,
    "content-type": "application/grpc+proto",
    "grpc-status": String(code),
    "grpc-message": encodeURI(details),
    ...metadata?.toHttp2Headers(),
  };
}

// grpc-js does not show it, but keeps it in a field of this name.
function innerServer(server: Server): Http2Server {
  const { http2Servers } = server as unknown as { http2Servers?: Map<Http2Server, unknown> };
  const [http2Server] = http2Servers?.keys() ?? [];
  if (http2Server === undefined) throw new Error("grpc-js does not keep its HTTP/2 server where it did");
  return http2Server;
}
