import { join, resolve } from "node:path";
import { StackError } from "./stack-error.ts";

/** A service's two ports. */
export interface ServicePorts {
  readonly rpc: number;
  readonly http: number;
}

/**
 * The services, in the order in which they are shown, and where they listen by default. The one list of them: whatever
 * has to know all services takes them from here or from their folders, and a test holds the two together.
 */
export const services = {
  "user-svc": { rpc: 50051, http: 8081 },
  "product-svc": { rpc: 50052, http: 8082 },
  "order-svc": { rpc: 50053, http: 8083 },
  "payment-svc": { rpc: 50054, http: 8084 },
} as const satisfies Record<string, ServicePorts>;

export type ServiceName = keyof typeof services;
export const serviceNames = Object.keys(services) as ServiceName[];

/** The variables that move a service's ports, as in USER_RPC_PORT and USER_HTTP_PORT. */
export function portVariables(service: ServiceName): { readonly rpc: string; readonly http: string } {
  const prefix = service.replace(/-svc$/, "").replaceAll("-", "_").toUpperCase();
  return { rpc: `${prefix}_RPC_PORT`, http: `${prefix}_HTTP_PORT` };
}

/** Something of each service, by its name. */
export function byService<T>(value: (name: ServiceName) => T): Record<ServiceName, T> {
  return Object.fromEntries(serviceNames.map((name) => [name, value(name)])) as Record<ServiceName, T>;
}

/** Every port the stack listens on, all on loopback. */
export interface StackPorts {
  readonly gateway: number;
  readonly gatewayAdmin: number;
  readonly gatewayMetrics: number;
  readonly services: Readonly<Record<ServiceName, ServicePorts>>;
  readonly amqp: number;
  readonly amqpDistribution: number;
  readonly epmd: number;
}

/** What one run of the stack is made of. */
export interface StackConfig {
  readonly rootDir: string;
  readonly dataDir: string;
  readonly ports: StackPorts;
  /** A broker that is there already; without it a private one is started. */
  readonly amqpUrl: string | undefined;
  readonly corsOrigins: readonly string[];
}

/** One port with the setting that changes it. */
export interface NamedPort {
  readonly variable: string;
  readonly owner: string;
  readonly port: number;
}

const portDefaults: Readonly<Record<string, number>> = {
  GATEWAY_PORT: 8080,
  GATEWAY_ADMIN_PORT: 9901,
  GATEWAY_METRICS_PORT: 9902,
  ...servicePortDefaults(),
  AMQP_PORT: 5673,
  AMQP_DISTRIBUTION_PORT: 25673,
  EPMD_PORT: 24369,
};

function servicePortDefaults(): Record<string, number> {
  const pairs = serviceNames.flatMap((name) => {
    const variables = portVariables(name);
    return [
      [variables.rpc, services[name].rpc],
      [variables.http, services[name].http],
    ];
  });
  return Object.fromEntries(pairs);
}

/** Reads the settings of the stack from the environment. Throws a StackError that names every setting that is wrong. */
export function readStackConfig(env: Readonly<Record<string, string | undefined>>, rootDir: string): StackConfig {
  const problems: string[] = [];
  const ports = new Map<string, number>();
  for (const [variable, fallback] of Object.entries(portDefaults)) {
    const text = env[variable] || String(fallback);
    const port = Number(text);
    if (!/^\d+$/.test(text) || port < 1 || port > 65535) {
      problems.push(`${variable} must be a port from 1 to 65535, not "${text}"`);
    }
    const twin = [...ports].find(([, taken]) => taken === port);
    if (twin !== undefined) problems.push(`${variable} and ${twin[0]} are both ${port}`);
    ports.set(variable, port);
  }
  const amqpUrl = env.AMQP_URL || undefined;
  if (amqpUrl !== undefined && !/^amqps?:\/\/[^/]/.test(amqpUrl)) {
    problems.push("AMQP_URL must begin with amqp:// or amqps:// and a host");
  }
  const corsOrigins = (env.CORS_ORIGIN || "http://localhost:3000").split(",").map((origin) => origin.trim());
  for (const origin of corsOrigins) {
    if (!/^https?:\/\/[^/\s]+$/.test(origin))
      problems.push(`CORS_ORIGIN must hold origins like https://shop.example, not "${origin}"`);
  }
  if (problems.length > 0) throw new StackError(`The settings do not work: ${problems.join("; ")}.`);

  const port = (variable: string) => ports.get(variable) ?? 0;
  return Object.freeze({
    rootDir,
    dataDir: resolve(rootDir, env.QUARTET_DATA_DIR || join(rootDir, ".data")),
    ports: {
      gateway: port("GATEWAY_PORT"),
      gatewayAdmin: port("GATEWAY_ADMIN_PORT"),
      gatewayMetrics: port("GATEWAY_METRICS_PORT"),
      services: byService((name) => {
        const variables = portVariables(name);
        return { rpc: port(variables.rpc), http: port(variables.http) };
      }),
      amqp: port("AMQP_PORT"),
      amqpDistribution: port("AMQP_DISTRIBUTION_PORT"),
      epmd: port("EPMD_PORT"),
    },
    amqpUrl,
    corsOrigins,
  });
}

/** The ports that this configuration will listen on, with whom each belongs to and the setting that moves it. */
export function namedPorts(config: Pick<StackConfig, "ports" | "amqpUrl">): NamedPort[] {
  const { ports } = config;
  const named: NamedPort[] = [
    { variable: "GATEWAY_PORT", owner: "the gateway", port: ports.gateway },
    { variable: "GATEWAY_ADMIN_PORT", owner: "the gateway's admin page", port: ports.gatewayAdmin },
    { variable: "GATEWAY_METRICS_PORT", owner: "the gateway's metrics", port: ports.gatewayMetrics },
  ];
  for (const name of serviceNames) {
    const variables = portVariables(name);
    named.push({ variable: variables.rpc, owner: `${name} (gRPC)`, port: ports.services[name].rpc });
    named.push({ variable: variables.http, owner: `${name} (HTTP)`, port: ports.services[name].http });
  }
  if (config.amqpUrl === undefined) {
    named.push({ variable: "AMQP_PORT", owner: "RabbitMQ", port: ports.amqp });
    named.push({ variable: "AMQP_DISTRIBUTION_PORT", owner: "RabbitMQ's node", port: ports.amqpDistribution });
    named.push({ variable: "EPMD_PORT", owner: "Erlang's port mapper", port: ports.epmd });
  }
  return named;
}
