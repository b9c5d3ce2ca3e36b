import { join, resolve } from "node:path";
import { StackError } from "./stack-error.ts";

/** The four services, in the order in which they are shown. */
export const serviceNames = ["user-svc", "product-svc", "order-svc", "payment-svc"] as const;
export type ServiceName = (typeof serviceNames)[number];

/** Every port the stack listens on, all on loopback. */
export interface StackPorts {
  readonly gateway: number;
  readonly gatewayAdmin: number;
  readonly gatewayMetrics: number;
  readonly services: Readonly<Record<ServiceName, { readonly rpc: number; readonly http: number }>>;
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

const portDefaults = {
  GATEWAY_PORT: 8080,
  GATEWAY_ADMIN_PORT: 9901,
  GATEWAY_METRICS_PORT: 9902,
  USER_RPC_PORT: 50051,
  USER_HTTP_PORT: 8081,
  PRODUCT_RPC_PORT: 50052,
  PRODUCT_HTTP_PORT: 8082,
  ORDER_RPC_PORT: 50053,
  ORDER_HTTP_PORT: 8083,
  PAYMENT_RPC_PORT: 50054,
  PAYMENT_HTTP_PORT: 8084,
  AMQP_PORT: 5673,
  AMQP_DISTRIBUTION_PORT: 25673,
  EPMD_PORT: 24369,
};
type PortVariable = keyof typeof portDefaults;

/** Reads the settings of the stack from the environment. Throws a StackError that names every setting that is wrong. */
export function readStackConfig(env: Readonly<Record<string, string | undefined>>, rootDir: string): StackConfig {
  const problems: string[] = [];
  const ports = new Map<PortVariable, number>();
  for (const [variable, fallback] of Object.entries(portDefaults) as [PortVariable, number][]) {
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

  const port = (variable: PortVariable) => ports.get(variable) ?? portDefaults[variable];
  return Object.freeze({
    rootDir,
    dataDir: resolve(rootDir, env.QUARTET_DATA_DIR || join(rootDir, ".data")),
    ports: {
      gateway: port("GATEWAY_PORT"),
      gatewayAdmin: port("GATEWAY_ADMIN_PORT"),
      gatewayMetrics: port("GATEWAY_METRICS_PORT"),
      services: {
        "user-svc": { rpc: port("USER_RPC_PORT"), http: port("USER_HTTP_PORT") },
        "product-svc": { rpc: port("PRODUCT_RPC_PORT"), http: port("PRODUCT_HTTP_PORT") },
        "order-svc": { rpc: port("ORDER_RPC_PORT"), http: port("ORDER_HTTP_PORT") },
        "payment-svc": { rpc: port("PAYMENT_RPC_PORT"), http: port("PAYMENT_HTTP_PORT") },
      },
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
    const prefix = name.replace("-svc", "").toUpperCase();
    named.push({ variable: `${prefix}_RPC_PORT`, owner: `${name} (gRPC)`, port: ports.services[name].rpc });
    named.push({ variable: `${prefix}_HTTP_PORT`, owner: `${name} (HTTP)`, port: ports.services[name].http });
  }
  if (config.amqpUrl === undefined) {
    named.push({ variable: "AMQP_PORT", owner: "RabbitMQ", port: ports.amqp });
    named.push({ variable: "AMQP_DISTRIBUTION_PORT", owner: "RabbitMQ's node", port: ports.amqpDistribution });
    named.push({ variable: "EPMD_PORT", owner: "Erlang's port mapper", port: ports.epmd });
  }
  return named;
}
