import { join } from "node:path";
import type { ServiceName, StackPorts } from "./stack-config.ts";
import type { ProcessSpec } from "./supervised-process.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const stopTimeoutMs = 15_000;

/** Where Node keeps code that it has compiled, so that a restart takes half the time. Part of a service's environment. */
export function compileCache(dataDir: string): { readonly NODE_COMPILE_CACHE: string } {
  return { NODE_COMPILE_CACHE: join(dataDir, "compile-cache") };
}

/** How to run one service. `ports` are its own; `stackPorts` say where it finds the others. */
export function serviceProcess(options: {
  service: ServiceName;
  name?: string;
  rootDir: string;
  dataDir: string;
  logsDir: string;
  ports: { readonly rpc: number; readonly http: number };
  stackPorts: StackPorts;
  amqpUrl: string;
  env: Environment;
}): ProcessSpec {
  const { service, name = service, rootDir, dataDir, logsDir, ports, stackPorts, amqpUrl, env } = options;
  return {
    name,
    command: process.execPath,
    args: ["--conditions=source", "src/main.ts"],
    cwd: join(rootDir, service),
    logFile: join(logsDir, `${name}.log`),
    stopTimeoutMs,
    // A second process on the same data is correct: see "Who runs where" in docs/architecture.md.
    sharedPorts: 2,
    env: {
      LOG_LEVEL: "info",
      ...compileCache(dataDir),
      PRODUCT_SVC_TARGET: `127.0.0.1:${stackPorts.services["product-svc"].rpc}`,
      JWKS_URL: `http://127.0.0.1:${stackPorts.services["user-svc"].http}/.well-known/jwks.json`,
      ...env,
      RPC_PORT: String(ports.rpc),
      HTTP_PORT: String(ports.http),
      BIND_ADDRESS: "127.0.0.1",
      DATA_DIR: join(dataDir, service),
      AMQP_URL: amqpUrl,
    },
  };
}
