import { createRouterTransport, type Interceptor, type Transport } from "@connectrpc/connect";
import type { TokenVerifier } from "../auth/token-verifier.ts";
import { DomainError } from "../domain-error.ts";
import { silentLogger } from "../log.ts";
import { createMetrics } from "../metrics.ts";
import type { ServiceRegistration } from "../rpc/implement.ts";
import { createInterceptors } from "../rpc/interceptors.ts";

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
