import type { Interceptor } from "@connectrpc/connect";
import type { Logger } from "../log.ts";
import type { Admission } from "./admission.ts";
import { createBridgeServer } from "./bridge/bridge-server.ts";
import { createConnectGrpcServer } from "./connect/connect-grpc-server.ts";
import type { ServiceRegistration } from "./implement.ts";
import { createShutdownInterceptor, shuttingDown } from "./interceptors/shutdown.ts";
import { defaultRpcLimits, type RpcLimits } from "./limits.ts";
import { policyOf } from "./policy.ts";

/** A server of either wire. */
export interface RpcServer {
  /** Listens; rejects when the address is taken. Resolves to the port, which matters where 0 was asked for. */
  start(): Promise<{ port: number }>;
  /** Stops listening, lets single calls finish, ends streams with UNAVAILABLE; after graceMs cuts what is left. */
  stop(graceMs: number): Promise<void>;
}

/** A gRPC server with grpc.health.v1 for the server ("") and each service. It starts as NOT_SERVING. */
export interface GrpcServer extends RpcServer {
  /** What health answers from now on; watchers are told. */
  setServing(serving: boolean): void;
}

/** What a gRPC server is made of. */
export interface GrpcServerOptions {
  readonly registrations: readonly ServiceRegistration[];
  readonly interceptors: readonly Interceptor[];
  /** Shared with the other servers of the service. Health and reflection do not pass it. */
  readonly admission: Admission;
  readonly bindAddress: string;
  /** 0 for any free port. */
  readonly port: number;
  /** The FileDescriptorSet that reflection answers from: the whole contract. */
  readonly contract: Uint8Array;
  readonly log: Logger;
  readonly limits?: Partial<RpcLimits>;
  /** "bridge" is grpc-js, the faster; "connect" is connect-node's own gRPC. Callers see no difference. */
  readonly implementation?: "bridge" | "connect";
}

/**
 * Creates a gRPC server with health and reflection (v1 and v1alpha) over plain HTTP/2. Throws when a method has no
 * policy.
 */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  for (const { service } of options.registrations) service.methods.forEach(policyOf);
  const shutdown = new AbortController();
  const parts = {
    ...options,
    limits: { ...defaultRpcLimits, ...options.limits },
    interceptors: [createShutdownInterceptor(shutdown.signal), ...options.interceptors],
  };
  const server = options.implementation === "connect" ? createConnectGrpcServer(parts) : createBridgeServer(parts);
  return {
    ...server,
    async stop(graceMs) {
      server.setServing(false);
      shutdown.abort(shuttingDown());
      await server.stop(graceMs);
    },
  };
}
