import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescService } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { readConfig, type Settings, type Values } from "@quartet/chassis/config";
import { loadContract, serviceOf } from "@quartet/chassis/contract";
import { eventCatalog } from "@quartet/chassis/events/catalog";
import { topologyOf } from "@quartet/chassis/events/topology";
import { newId } from "@quartet/chassis/ids";
import { silentLogger } from "@quartet/chassis/log";
import { createGrpcTransport, type GrpcTransport } from "@quartet/chassis/rpc/client/grpc-transport";
import type { Service, ServiceOverrides } from "@quartet/chassis/service-host";
import { eventually } from "@quartet/chassis/testing/eventually";
import { createMemoryBroker } from "@quartet/chassis/testing/memory-broker";
import { createTestTokens, type TestTokens } from "@quartet/chassis/testing/test-tokens";
import { Order_State } from "@quartet/proto/shop/order/v1/order_pb";
import { OrderService } from "@quartet/proto/shop/order/v1/order_service_pb";
import { ProductService } from "@quartet/proto/shop/product/v1/product_service_pb";
import { UserService } from "@quartet/proto/shop/user/v1/user_service_pb";
import { byService, type ServiceName, serviceNames } from "../../tools/stack/stack-config.ts";

/** Where a service listens. */
export interface ServicePorts {
  readonly rpcPort: number;
  readonly httpPort: number;
}

/** The real services in this process, on free ports and a broker in memory. */
export interface RunningShop {
  readonly tokens: TestTokens;
  /** Where each service listens, by its name. */
  readonly ports: Readonly<Record<ServiceName, ServicePorts>>;
  /** Starts one more process's worth of a service on the same files, with more settings. Stopped with the shop. */
  startTwin(name: ServiceName, environment?: Readonly<Record<string, string>>): Promise<StartedService>;
  /** A connection to the gRPC port of a service. Closed with the shop. */
  transportTo(service: DescService): Transport;
  /** A header that speaks for someone. */
  authorizationOf(userId: string, role?: "customer" | "admin"): Promise<{ authorization: string }>;
  stop(): Promise<void>;
}

/** A service that can be stopped before its shop. */
export interface StartedService extends ServicePorts {
  stop(): Promise<void>;
}

interface ServiceSource {
  readonly settings: Settings;
  createService(config: Values<Settings>, overrides: ServiceOverrides): Promise<Service>;
}

/** Creates a service as its main.ts does. */
async function createService(name: ServiceName, environment: NodeJS.ProcessEnv, overrides: ServiceOverrides) {
  const folder = new URL(`../../${name}/src/`, import.meta.url).href;
  const source: ServiceSource = { ...(await import(`${folder}config.ts`)), ...(await import(`${folder}service.ts`)) };
  return await source.createService(readConfig(source.settings, environment), overrides);
}

/** The folder of the service that implements a service of the contract. */
export function folderOf(service: DescService): ServiceName {
  const name = serviceOf(service.file) as ServiceName;
  if (!serviceNames.includes(name)) throw new Error(`nothing here starts ${name}`);
  return name;
}

/** Starts all services, with more settings for all of them. */
export async function startShop(environment: Readonly<Record<string, string>> = {}): Promise<RunningShop> {
  const dataDir = mkdtempSync(join(tmpdir(), "shop-"));
  const tokens = createTestTokens();
  const broker = createMemoryBroker();
  const catalog = eventCatalog(loadContract().registry.files);
  const settings = { DATA_DIR: dataDir, RPC_PORT: "0", HTTP_PORT: "0", SHUTDOWN_GRACE_MS: "1000", ...environment };
  const running = new Set<StartedService>();
  const start = async (name: ServiceName, more: Readonly<Record<string, string>> = {}): Promise<StartedService> => {
    const topology = topologyOf(catalog, { service: name, exchange: "shop.events" });
    const overrides = { broker: broker.client(topology), keySet: tokens.keySet, log: silentLogger() };
    const service = await createService(name, { ...settings, ...more }, overrides);
    const started: StartedService = {
      ...(await service.start()),
      async stop() {
        if (running.delete(started)) await service.stop();
      },
    };
    running.add(started);
    return started;
  };

  const product = await start("product-svc");
  const target = { PRODUCT_SVC_TARGET: `127.0.0.1:${product.rpcPort}`, ...environment };
  const started = new Map<ServiceName, ServicePorts>([["product-svc", product]]);
  for (const name of serviceNames) if (!started.has(name)) started.set(name, await start(name, target));
  const ports = byService((name) => started.get(name) ?? product);

  const transports = new Map<DescService, GrpcTransport>();
  return {
    tokens,
    ports,
    startTwin: start,
    transportTo(service) {
      const known = transports.get(service);
      if (known !== undefined) return known;
      const address = `127.0.0.1:${ports[folderOf(service)].rpcPort}`;
      const transport = createGrpcTransport({ target: address, services: [service] });
      transports.set(service, transport);
      return transport;
    },
    async authorizationOf(userId, role = "customer") {
      return { authorization: `Bearer ${await tokens.sign({ userId, role })}` };
    },
    async stop() {
      for (const transport of transports.values()) transport.close();
      await Promise.all([...running].map((service) => service.stop()));
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Names of things that exist in a shop. */
export interface StockedShop {
  /** Id of the customer whose everything is. */
  readonly userId: string;
  readonly product: string;
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
  return { userId, product: product.name };
}
