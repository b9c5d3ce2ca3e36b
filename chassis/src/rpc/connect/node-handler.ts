import type { IncomingMessage, ServerResponse } from "node:http";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  createConnectRouter,
} from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerRequest } from "@connectrpc/connect/protocol";
import { parseTimeout as parseConnectTimeout } from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout } from "@connectrpc/connect/protocol-grpc";
import {
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import type { Logger } from "../../log.ts";
import type { RpcLimits } from "../limits.ts";
import { explainRefusal } from "./explain-refusal.ts";

/** Handles a request of Node's http server, or of its http2 server by the compatible interface. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => void;

const timerMaxMs = 2 ** 31 - 1;
// Smaller responses are not worth the time that compressing them takes.
const compressBytesMin = 16 * 1024;
const discardBytesMax = 16 * 1024 * 1024;
// As strict as protobuf and the gateway: text that is no UTF-8 would otherwise be stored as something else. Connect hands
// these options to its serialization, whose decoder its types leave out.
const jsonOptions: NonNullable<ConnectRouterOptions["jsonOptions"]> & { readonly textDecoder: object } = {
  textDecoder: new TextDecoder("utf-8", { fatal: true }),
};

/**
 * Serves Connect routes on Node's http or http2 server. Like connectNodeAdapter, but a request with a broken Host header
 * is answered instead of thrown, failures are logged by the service's logger, and what is refused before it reaches a
 * method passes through the interceptors too.
 */
export function createNodeHandler(options: {
  readonly routes: (router: ConnectRouter) => void;
  readonly router: ConnectRouterOptions;
  readonly limits: RpcLimits;
  readonly log: Logger;
  readonly fallback: NodeHandler;
}): NodeHandler {
  const { log, limits } = options;
  const interceptors = options.router.interceptors ?? [];
  const router = createConnectRouter({
    acceptCompression: [compressionGzip],
    compressMinBytes: compressBytesMin,
    readMaxBytes: limits.receiveBytesMax,
    writeMaxBytes: limits.sendBytesMax,
    jsonOptions,
    ...options.router,
  });
  options.routes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));

  async function serve(handler: UniversalHandler, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const received = receive(request, response);
    if (received === undefined) {
      response.writeHead(400).end();
      return;
    }
    response.once("finish", () => discardRest(request));
    const answer = await handler(received);
    const explained = await explainRefusal(answer, received, handler, interceptors);
    await universalResponseToNodeResponse(explained, response);
  }

  return (request, response) => {
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    const handler = handlers.get(path);
    if (handler === undefined) {
      options.fallback(request, response);
      return;
    }
    serve(handler, request, response).catch((error: unknown) => {
      // The caller has gone while the response was on its way: nobody is left to be told.
      if (ConnectError.from(error).code === Code.Aborted) return;
      log.warn({ err: error, method: path.slice(1) }, "response not sent");
      response.destroy();
    });
  };
}

function receive(request: IncomingMessage, response: ServerResponse): UniversalServerRequest | undefined {
  try {
    const received = universalRequestFromNodeRequest(request, response, undefined, undefined);
    // Node's timers take no more than this; a longer one would fire at once.
    const { header } = received;
    const connectMs = parseConnectTimeout(header.get("connect-timeout-ms"), Number.MAX_SAFE_INTEGER).timeoutMs ?? 0;
    if (connectMs > timerMaxMs) header.set("connect-timeout-ms", String(timerMaxMs));
    const grpcMs = parseGrpcTimeout(header.get("grpc-timeout"), Number.MAX_SAFE_INTEGER).timeoutMs ?? 0;
    if (grpcMs > timerMaxMs) header.set("grpc-timeout", `${Math.floor(timerMaxMs / 1000)}S`);
    // Left open when the reader stops early: destroyed, it would block the connection for the caller's next request.
    return { ...received, body: request.iterator({ destroyOnReturn: false }) };
  } catch {
    return undefined;
  }
}

// What was refused unread stands on the connection before whatever the caller asks next.
function discardRest(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  let leftBytes = discardBytesMax;
  request.on("data", (chunk: Uint8Array) => {
    leftBytes -= chunk.byteLength;
    if (leftBytes < 0) request.destroy();
  });
  request.resume();
}
