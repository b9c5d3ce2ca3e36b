import { createRouterTransport, type Interceptor, type Transport } from "@connectrpc/connect";
import type { TokenVerifier } from "../auth/token-verifier.ts";
import { DomainError } from "../domain-error.ts";
import { silentLogger } from "../log.ts";
import { createMetrics } from "../metrics.ts";
import { type Admission, createAdmission } from "../rpc/admission.ts";
import { createGrpcTransport } from "../rpc/client/grpc-transport.ts";
import { createGrpcServer } from "../rpc/grpc-server.ts";
import { createHttpServer, type Page } from "../rpc/http-server.ts";
import type { ServiceRegistration } from "../rpc/implement.ts";
import { createInterceptors } from "../rpc/interceptors.ts";
import type { RpcLimits } from "../rpc/limits.ts";

/** The domain of errors in tests. */
export const testErrorDomain = "test";

const refuseAll: TokenVerifier = {
  verify: async () => {
    throw new DomainError("unauthenticated", "INVALID_TOKEN", "no token is accepted here");
  },
};

/** The interceptors of a service, with a silent log. Without a verifier every token is refused. */
export function testInterceptors(options: { readonly verifier?: TokenVerifier } = {}): Interceptor[] {
  return createInterceptors({
    log: silentLogger(),
    metrics: createMetrics({ service: "test" }),
    verifier: options.verifier ?? refuseAll,
    domain: testErrorDomain,
    now: Date.now,
  });
}

/** An admission that lets all calls of a test in. */
export function testAdmission(): Admission {
  const metrics = createMetrics({ service: "test" });
  return createAdmission({ callsMax: 1_000_000, log: silentLogger(), metrics, domain: testErrorDomain });
}

/**
 * A transport whose calls reach the registrations without a network, through the whole chain of interceptors and the
 * serialization of requests and responses. Give `verifier`, or interceptors of your own.
 */
export function inMemoryTransport(options: {
  readonly registrations: readonly ServiceRegistration[];
  readonly interceptors?: readonly Interceptor[];
  readonly verifier?: TokenVerifier;
}): Transport {
  const interceptors = [...(options.interceptors ?? testInterceptors(options))];
  return createRouterTransport(
    (router) => {
      for (const { service, implementation } of options.registrations) router.service(service, implementation);
    },
    { router: { interceptors } },
  );
}

/** Both servers of a service, on free ports of the loopback interface. */
export interface TestServer {
  readonly grpcPort: number;
  readonly httpPort: number;
  /** Calls the gRPC port. */
  readonly transport: Transport;
  setServing(serving: boolean): void;
  /** Stops both servers and the transport; calls still under way are cut after graceMs, 1 s by default. */
  stop(graceMs?: number): Promise<void>;
}

/** Starts both servers over the registrations, serving. Without a verifier every token is refused. */
export async function startTestServer(options: {
  readonly registrations: readonly ServiceRegistration[];
  readonly interceptors?: readonly Interceptor[];
  /** Takes many calls when not given. */
  readonly admission?: Admission;
  readonly verifier?: TokenVerifier;
  readonly implementation?: "bridge" | "connect";
  readonly contract?: Uint8Array;
  readonly pages?: Readonly<Record<string, Page>>;
  readonly limits?: Partial<RpcLimits>;
}): Promise<TestServer> {
  const interceptors = options.interceptors ?? testInterceptors(options);
  const admission = options.admission ?? testAdmission();
  const shared = { ...options, interceptors, admission, bindAddress: "127.0.0.1", port: 0, log: silentLogger() };
  const grpc = createGrpcServer({ ...shared, contract: options.contract ?? new Uint8Array() });
  const http = createHttpServer({ ...shared, pages: options.pages ?? {} });
  const [{ port: grpcPort }, { port: httpPort }] = await Promise.all([grpc.start(), http.start()]);
  grpc.setServing(true);
  const services = options.registrations.map(({ service }) => service);
  const transport = createGrpcTransport({ target: `127.0.0.1:${grpcPort}`, services });
  return {
    grpcPort,
    httpPort,
    transport,
    setServing: grpc.setServing,
    async stop(graceMs = 1000) {
      transport.close();
      await Promise.all([grpc.stop(graceMs), http.stop(graceMs)]);
    },
  };
}
