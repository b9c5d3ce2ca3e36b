import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Interceptor } from "@connectrpc/connect";
import type { Logger } from "../log.ts";
import { type Admission, createAdmissionInterceptor } from "./admission.ts";
import { createNodeHandler, type NodeHandler } from "./connect/node-handler.ts";
import type { RpcServer } from "./grpc-server.ts";
import type { ServiceRegistration } from "./implement.ts";
import { createShutdownInterceptor, shuttingDown } from "./interceptors/shutdown.ts";
import { defaultRpcLimits, type RpcLimits } from "./limits.ts";
import { listen } from "./listen.ts";
import { policyOf } from "./policy.ts";

/** What a page answers. */
export interface PageResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A page outside the contract, as /healthz. Answers GET and HEAD. */
export type Page = () => PageResponse | Promise<PageResponse>;

/** What an HTTP server is made of. */
export interface HttpServerOptions {
  readonly registrations: readonly ServiceRegistration[];
  readonly interceptors: readonly Interceptor[];
  /** Shared with the other servers of the service. Pages do not pass it. */
  readonly admission: Admission;
  readonly bindAddress: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Pages by path, as in `{ "/healthz": … }`. */
  readonly pages: Readonly<Record<string, Page>>;
  readonly log: Logger;
  readonly limits?: Partial<RpcLimits>;
}

// The gateway takes 32 KiB and adds some of its own. What it let through is not for a service to refuse.
const headerBytesMax = 64 * 1024;
const headersTimeoutMs = 10_000;
const requestTimeoutMs = 30_000;
const keepAliveTimeoutMs = 65_000;

/**
 * Creates an HTTP/1.1 server for Connect (POST, GET for methods without side effects, streams of responses), gRPC-Web and
 * pages. Anything else is 404 as JSON. Throws when a method has no policy.
 */
export function createHttpServer(options: HttpServerOptions): RpcServer {
  for (const { service } of options.registrations) service.methods.forEach(policyOf);
  const shutdown = new AbortController();
  const limits = { ...defaultRpcLimits, ...options.limits };
  const handler = createNodeHandler({
    router: {
      grpc: false,
      grpcWeb: true,
      connect: true,
      interceptors: [
        createAdmissionInterceptor(options.admission),
        createShutdownInterceptor(shutdown.signal),
        ...options.interceptors,
      ],
    },
    routes: (router) => {
      for (const { service, implementation } of options.registrations) router.service(service, implementation);
    },
    limits,
    log: options.log,
    fallback: createPageHandler(options.pages, options.log),
  });
  const timeouts = {
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
  };
  const server = createServer({ maxHeaderSize: headerBytesMax, ...timeouts }, (request, response) => {
    if (shutdown.signal.aborted) response.setHeader("connection", "close");
    handler(request, response);
  });
  server.maxConnections = limits.connectionsMax;
  const closeIdle = closerOfIdle(server);
  return {
    start: () => listen(server, options),
    stop: (graceMs) =>
      new Promise((resolve) => {
        shutdown.abort(shuttingDown());
        const cut = setTimeout(() => server.closeAllConnections(), graceMs);
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
        closeIdle();
      }),
  };
}

// Node counts a connection as idle only after its first request, and keeps one alive that turns idle after `close`.
function closerOfIdle(server: Server): () => void {
  const busy = new Map<Socket, number>();
  let closing = false;
  const count = (socket: Socket, difference: number): void => {
    const calls = (busy.get(socket) ?? 0) + difference;
    if (busy.has(socket)) busy.set(socket, calls);
    if (closing && calls === 0) socket.end();
  };
  server.on("connection", (socket) => {
    busy.set(socket, 0);
    socket.once("close", () => busy.delete(socket));
  });
  server.prependListener("request", (request, response) => {
    count(request.socket, 1);
    response.once("close", () => count(request.socket, -1));
  });
  return () => {
    closing = true;
    for (const [socket, calls] of busy) if (calls === 0) socket.destroy();
  };
}

function createPageHandler(pages: Readonly<Record<string, Page>>, log: Logger): NodeHandler {
  const known = new Map(Object.entries(pages));
  return (request, response) => {
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    const isRead = request.method === "GET" || request.method === "HEAD";
    const page = known.get(path);
    answer(page, isRead)
      .catch((error: unknown) => {
        log.error({ err: error, path }, "page failed");
        return problem(500, "internal", "internal error");
      })
      .then((result) => reply(request, response, result))
      .catch((error: unknown) => log.error({ err: error, path }, "page not sent"));
  };
}

async function answer(page: Page | undefined, isRead: boolean): Promise<PageResponse> {
  if (page === undefined) return problem(404, "unimplemented", "there is nothing at this path");
  if (!isRead) return { ...problem(405, "unimplemented", "this path is read only"), headers: { allow: "GET, HEAD" } };
  return page();
}

function problem(status: number, code: string, message: string): PageResponse {
  return { status, contentType: "application/json", body: JSON.stringify({ code, message }) };
}

function reply(request: IncomingMessage, response: ServerResponse, page: PageResponse): void {
  const body = Buffer.from(page.body);
  response.writeHead(page.status, {
    "content-type": page.contentType,
    "content-length": body.byteLength,
    "x-content-type-options": "nosniff",
    // A body that nobody reads is not worth waiting for.
    ...(hasBody(request) ? { connection: "close" } : {}),
    ...page.headers,
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

function hasBody(request: IncomingMessage): boolean {
  return request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0;
}
