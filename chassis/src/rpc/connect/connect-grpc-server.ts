import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Http2ServerResponse, type Http2Session } from "node:http2";
import { Code } from "@connectrpc/connect";
import { createAdmissionInterceptor } from "../admission.ts";
import type { GrpcServer, GrpcServerOptions } from "../grpc-server.ts";
import type { RpcLimits } from "../limits.ts";
import { listen, trackSockets } from "../listen.ts";
import { createHealthService } from "./health-service.ts";
import { createNodeHandler } from "./node-handler.ts";
import { createReflectionServices } from "./reflection-service.ts";

/** A gRPC server by connect-node over plain HTTP/2. See createGrpcServer. */
export function createConnectGrpcServer(options: GrpcServerOptions & { readonly limits: RpcLimits }): GrpcServer {
  const { registrations, limits, log } = options;
  const health = createHealthService(registrations.map(({ service }) => service.typeName));
  const interceptors = [createAdmissionInterceptor(options.admission), ...options.interceptors];
  const protocols = { grpc: true, grpcWeb: false, connect: false };
  const handler = createNodeHandler({
    router: { ...protocols, interceptors },
    routes: (router) => {
      for (const { service, implementation } of registrations) router.service(service, implementation);
      // Health and reflection have no policy: they are for the machinery, not for callers.
      for (const { service, implementation } of [health.registration, ...createReflectionServices(options.contract)]) {
        router.service(service, implementation, { ...protocols, interceptors: [] });
      }
    },
    limits,
    log,
    // What gRPC wants to hear of an unknown method: UNIMPLEMENTED, in headers that end the stream.
    fallback: (_request, response) => {
      const { stream } = response as unknown as Http2ServerResponse;
      const headers = { "content-type": "application/grpc+proto", "grpc-status": Code.Unimplemented };
      stream.respond({ ...headers, "grpc-message": "unknown method" }, { endStream: true });
    },
  });
  const server = createServer(
    {
      maxSessionMemory: limits.sessionMemoryMaxMb,
      streamResetBurst: limits.cancelledAtOnceMax,
      streamResetRate: limits.cancelledPerSecondMax,
      maxSessionRejectedStreams: limits.refusedByConnectionMax,
      settings: { maxConcurrentStreams: limits.concurrentStreamsMax },
    },
    (request, response) => handler(request as unknown as IncomingMessage, response as unknown as ServerResponse),
  );
  server.maxConnections = limits.connectionsMax;
  const cutAll = trackSockets(server);
  const sessions = new Set<Http2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
    session.on("error", (error) => log.debug({ err: error }, "connection failed"));
  });
  return {
    start: () => listen(server, options),
    setServing: health.setServing,
    stop: (graceMs) =>
      new Promise((resolve) => {
        // Not the sessions: one that is closing waits for its peer to read everything, also when it is destroyed.
        const cut = setTimeout(cutAll, graceMs);
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
        for (const session of sessions) session.close();
      }),
  };
}
