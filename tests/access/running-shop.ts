import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescService } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { loadContract } from "@quartet/chassis/contract";
import { eventCatalog } from "@quartet/chassis/events/catalog";
import { topologyOf } from "@quartet/chassis/events/topology";
import { newId } from "@quartet/chassis/ids";
import { silentLogger } from "@quartet/chassis/log";
import { createGrpcTransport, type GrpcTransport } from "@quartet/chassis/rpc/client/grpc-transport";
import type { ServiceOverrides } from "@quartet/chassis/service-host";
import { eventually } from "@quartet/chassis/testing/eventually";
import { createMemoryBroker } from "@quartet/chassis/testing/memory-broker";
import { createTestTokens, type TestTokens } from "@quartet/chassis/testing/test-tokens";
import { Order_State } from "@quartet/proto/shop/order/v1/order_pb";
import { OrderService } from "@quartet/proto/shop/order/v1/order_service_pb";
import { ProductService } from "@quartet/proto/shop/product/v1/product_service_pb";
import { UserService } from "@quartet/proto/shop/user/v1/user_service_pb";
import { readOrderConfig } from "../../order-svc/src/config.ts";
import { createService as createOrderService } from "../../order-svc/src/service.ts";
import { readPaymentConfig } from "../../payment-svc/src/config.ts";
import { createService as createPaymentService } from "../../payment-svc/src/service.ts";
import { readProductConfig } from "../../product-svc/src/config.ts";
import { createService as createProductService } from "../../product-svc/src/service.ts";
import { readUserConfig } from "../../user-svc/src/config.ts";
import { createService as createUserService } from "../../user-svc/src/service.ts";

/** Where a service listens. */
export interface ServicePorts {
  readonly rpcPort: number;
  readonly httpPort: number;
}

/** The four real services in this process, on free ports and a broker in memory. */
export interface RunningShop {
  readonly tokens: TestTokens;
  /** By name of the service, as in "order-svc". */
  readonly ports: ReadonlyMap<string, ServicePorts>;
  /** A connection to the gRPC port of a service. Closed with the shop. */
  transportTo(service: DescService): Transport;
  /** A header that speaks for someone. */
  authorizationOf(userId: string, role?: "customer" | "admin"): Promise<{ authorization: string }>;
  stop(): Promise<void>;
}

/** The folder of the service that implements a service of the contract: the noun of its package and "-svc". */
export function folderOf(service: DescService): string {
  return `${service.typeName.split(".").at(-3)}-svc`;
}

/** Starts the four services. `grpcServer` is the setting GRPC_SERVER. */
export async function startShop(options: { grpcServer?: "bridge" | "connect" } = {}): Promise<RunningShop> {
  const dataDir = mkdtempSync(join(tmpdir(), "shop-"));
  const tokens = createTestTokens();
  const broker = createMemoryBroker();
  const catalog = eventCatalog(loadContract().registry.files);
  const environment = {
    DATA_DIR: dataDir,
    RPC_PORT: "0",
    HTTP_PORT: "0",
    GRPC_SERVER: options.grpcServer ?? "bridge",
    SHUTDOWN_GRACE_MS: "1000",
  };
  const overridesOf = (service: string): ServiceOverrides => ({
    broker: broker.client(topologyOf(catalog, { service, exchange: "shop.events" })),
    keySet: tokens.keySet,
    log: silentLogger(),
  });
  const ports = new Map<string, ServicePorts>();
  const stops: (() => Promise<void>)[] = [];
  const start = async (name: string, create: (overrides: ServiceOverrides) => ReturnType<typeof createUserService>) => {
    const service = await create(overridesOf(name));
    stops.unshift(() => service.stop());
    const started = await service.start();
    ports.set(name, started);
    return started;
  };
  await start("user-svc", (overrides) => createUserService(readUserConfig(environment), overrides));
  const { rpcPort } = await start("product-svc", (overrides) =>
    createProductService(readProductConfig(environment), overrides),
  );
  const withTarget = { ...environment, PRODUCT_SVC_TARGET: `127.0.0.1:${rpcPort}` };
  await start("order-svc", (overrides) => createOrderService(readOrderConfig(withTarget), overrides));
  await start("payment-svc", (overrides) => createPaymentService(readPaymentConfig(environment), overrides));

  const transports = new Map<DescService, GrpcTransport>();
  return {
    tokens,
    ports,
    transportTo(service) {
      const known = transports.get(service);
      if (known !== undefined) return known;
      const target = `127.0.0.1:${ports.get(folderOf(service))?.rpcPort}`;
      const transport = createGrpcTransport({ target, services: [service] });
      transports.set(service, transport);
      return transport;
    },
    async authorizationOf(userId, role = "customer") {
      return { authorization: `Bearer ${await tokens.sign({ userId, role })}` };
    },
    async stop() {
      for (const transport of transports.values()) transport.close();
      for (const stop of stops) await stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Names of things that exist in a shop. */
export interface StockedShop {
  /** Id of the customer whose everything is. */
  readonly userId: string;
  readonly product: string;
  /** By collection, as in "orders": the name of one resource of the customer. */
  readonly owned: ReadonlyMap<string, string>;
}

/** Adds a customer, a product, and an order of the one for the other that is paid. */
export async function stockShop(shop: RunningShop): Promise<StockedShop> {
  const users = createClient(UserService, shop.transportTo(UserService));
  const products = createClient(ProductService, shop.transportTo(ProductService));
  const orders = createClient(OrderService, shop.transportTo(OrderService));

  const email = `${newId()}@example.org`;
  const user = await users.createUser({ email, password: "correct horse battery", displayName: "Ada" });
  const userId = user.name.slice("users/".length);
  const headers = await shop.authorizationOf(userId);
  const admin = await shop.authorizationOf("root", "admin");
  const product = await products.createProduct(
    {
      displayName: "Cup",
      category: "kitchen",
      price: { currency: "EUR", minorUnits: 1299n },
      initialQuantity: 1000,
      requestId: newId(),
    },
    { headers: admin },
  );
  const { name } = await orders.createOrder(
    { lines: [{ product: product.name, quantity: 2 }], paymentToken: "tok_visa" },
    { headers },
  );
  await eventually("the order is paid", async () => {
    return (await orders.getOrder({ name }, { headers })).state === Order_State.CONFIRMED;
  });
  const owned = new Map([
    ["users", user.name],
    ["orders", name],
    ["payments", name.replace("orders/", "payments/")],
  ]);
  return { userId, product: product.name, owned };
}
