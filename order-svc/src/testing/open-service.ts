import { type Client, createClient } from "@connectrpc/connect";
import type { TokenVerifier } from "@quartet/chassis/auth/token-verifier";
import { newId } from "@quartet/chassis/ids";
import { createMetrics } from "@quartet/chassis/metrics";
import { createPageTokens } from "@quartet/chassis/page-token";
import { implement, type ServiceRegistration } from "@quartet/chassis/rpc/implement";
import { inMemoryTransport } from "@quartet/chassis/testing/test-server";
import { OrderService } from "@quartet/proto/shop/order/v1/order_service_pb";
import { createCancelOrder } from "../app/cancel-order.ts";
import { createCreateOrder } from "../app/create-order.ts";
import { createGatherPrices } from "../app/gather-prices.ts";
import type { CatalogueAnswer } from "../app/ports.ts";
import { createMoments } from "../moment.ts";
import { createOrderServiceImpl } from "../rpc/order-service.ts";
import { createWatchOrder } from "../rpc/watch-order.ts";
import { createTimelineWatches } from "../timeline-watches.ts";
import { openTestStore, type TestStore } from "./open-store.ts";

/** OrderService over a database of the test's own, without a network. */
export interface TestService extends TestStore {
  readonly client: Client<typeof OrderService>;
  /** For tests that serve it by a real server. */
  readonly registration: ServiceRegistration;
  readonly moment: ReturnType<typeof createMoments>;
  /** How many watches are open. */
  openWatches(): Promise<number>;
}

/** A token names its user and may add a role, as in `ada` and `root:admin`. */
export const tokensByName: TokenVerifier = {
  async verify(token) {
    const [userId = "", role] = token.split(":");
    return { kind: "user", userId, role: role === "admin" ? "admin" : "customer", sessionId: "s1" };
  },
};

/** The headers of a call with such a token. */
export const as = (token: string, headers: Record<string, string> = {}) => ({
  headers: { authorization: `Bearer ${token}`, ...headers },
});

/** Opens the service. product-svc is away, unless the test says what it answers. */
export async function openTestService(options: {
  now: () => number;
  fetchProducts?: (productIds: readonly string[]) => CatalogueAnswer;
  watchesMax?: number;
  watchesPerUserMax?: number;
  heartbeatMs?: number;
}): Promise<TestService> {
  const { now, watchesMax = 10, watchesPerUserMax = 10, heartbeatMs = 15_000 } = options;
  const { fetchProducts = () => ({ kind: "unavailable" }) } = options;
  const metrics = createMetrics({ service: "order-svc" });
  // The store tells the watches, which read from the store.
  let tell = (_orderId: string): void => {};
  const store = await openTestStore({ now, onChange: (orderId) => tell(orderId) });
  const log = { error: () => {} };
  const watches = createTimelineWatches({ ...store, metrics, log, watchesMax, watchesPerUserMax });
  tell = watches.tell;

  const moment = createMoments({ now, newId });
  const catalogue = { fetch: async (productIds: readonly string[]) => fetchProducts(productIds) };
  const gatherPrices = createGatherPrices({ ...store, catalogue, now, priceMaxAgeMs: 30_000 });
  const implementation = createOrderServiceImpl({
    ...store,
    createOrder: createCreateOrder({ ...store, gatherPrices, moment, newId }),
    cancelOrder: createCancelOrder({ ...store, moment, cancelWindowMs: 1000 }),
    watchOrder: createWatchOrder({ ...store, watches, heartbeatMs }),
    pageTokens: createPageTokens({ key: new Uint8Array(32) }),
  });
  const registration = implement(OrderService, implementation);
  const transport = inMemoryTransport({ registrations: [registration], verifier: tokensByName });
  return {
    ...store,
    client: createClient(OrderService, transport),
    registration,
    moment,
    async openWatches() {
      const { body } = await metrics.expose();
      return Number(/^order_watches_open\{.*\} (\d+)$/m.exec(body)?.[1]);
    },
  };
}
