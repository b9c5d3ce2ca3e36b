import { freeStackPorts } from "../../../tools/stack/ports.ts";
import { byService, type ServiceName, serviceNames } from "../../../tools/stack/stack-config.ts";
import { type NativeSystem, startNativeSystem } from "../../e2e/native-system.ts";
import type { SeededRandom } from "../random.ts";
import { type FaultyLink, startFaultyLink } from "./faulty-link.ts";

/** The links of a shop that can be faulty. */
export interface Links {
  /** Each service's way to the broker. */
  readonly broker: Readonly<Record<ServiceName, FaultyLink>>;
  /** The gateway's way to each service, gRPC. */
  readonly gateway: Readonly<Record<ServiceName, FaultyLink>>;
  /** order-svc's way to product-svc. */
  readonly catalogue: FaultyLink;
  /** The way of all services to the keys of user-svc. */
  readonly keys: FaultyLink;
}

/** A whole shop whose parts reach each other over faulty links. */
export interface NetworkSystem extends NativeSystem {
  readonly links: Links;
  /** How many connections were made so far, over all links. */
  connectionsMade(): number;
  /** How many bytes met a fault on their way so far, over all links. */
  bytesDisturbed(): number;
  /** Takes all faults away. */
  heal(): Promise<void>;
}

/** Starts a whole shop over links without faults. order-svc asks product-svc about every order, so that there is traffic. */
export async function startNetworkSystem(random: SeededRandom): Promise<NetworkSystem> {
  const ports = await freeStackPorts();
  const all: FaultyLink[] = [];
  const open = async (port: number) => {
    const link = await startFaultyLink(port, random);
    all.push(link);
    return link;
  };
  const toEach = async (portOf: (service: ServiceName) => number) => {
    const pairs = await Promise.all(serviceNames.map(async (name) => [name, await open(portOf(name))] as const));
    return Object.fromEntries(pairs) as Record<ServiceName, FaultyLink>;
  };
  const links: Links = {
    broker: await toEach(() => ports.amqp),
    gateway: await toEach((service) => ports.services[service].rpc),
    catalogue: await open(ports.services["product-svc"].rpc),
    keys: await open(ports.services["user-svc"].http),
  };
  const stopLinks = async () => {
    await Promise.all(all.map((link) => link.stop()));
  };
  const keysUrl = { JWKS_URL: `http://127.0.0.1:${links.keys.port}/.well-known/jwks.json` };
  const catalogue = { PRODUCT_SVC_TARGET: `127.0.0.1:${links.catalogue.port}`, PRICE_MAX_AGE_MS: "0" };
  try {
    const system = await startNativeSystem({
      ports,
      serviceEnv: byService((name) => ({ ...keysUrl, ...(name === "order-svc" ? catalogue : {}) })),
      detours: {
        amqp: byService((name) => links.broker[name].port),
        services: byService((name) => ({ ...ports.services[name], rpc: links.gateway[name].port })),
      },
    });
    return {
      ...system,
      links,
      connectionsMade: () => all.reduce((sum, link) => sum + link.accepted(), 0),
      bytesDisturbed: () => all.reduce((sum, link) => sum + link.bytesDisturbed(), 0),
      async heal() {
        for (const link of all) link.set({});
        await Promise.all(all.map((link) => link.refuse(false)));
      },
      async close() {
        await system.close();
        await stopLinks();
      },
    };
  } catch (error) {
    await stopLinks();
    throw error;
  }
}
