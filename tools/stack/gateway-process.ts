import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { renderGateway, type Upstream } from "../gateway/render.ts";
import { type StackPorts, serviceNames } from "./stack-config.ts";
import { StackError } from "./stack-error.ts";
import type { ProcessSpec } from "./supervised-process.ts";

const stopTimeoutMs = 10_000;
const workerThreads = 2;

/** Writes the gateway's configuration for these ports and says how to run it. Throws a StackError without a contract. */
export function prepareGateway(options: {
  binary: string;
  rootDir: string;
  dataDir: string;
  logsDir: string;
  ports: StackPorts;
  corsOrigins: readonly string[];
  rateLimits?: Parameters<typeof renderGateway>[0]["rateLimits"];
}): ProcessSpec {
  const { binary, rootDir, dataDir, logsDir, ports, corsOrigins, rateLimits } = options;
  const descriptorPath = join(rootDir, "proto", "gen", "contract.binpb");
  if (!existsSync(descriptorPath)) throw new StackError("The contract has not been generated: `make generate` first.");
  const upstreams: Record<string, Upstream> = {};
  for (const name of serviceNames) {
    const { rpc, http } = ports.services[name];
    upstreams[name] = { host: "127.0.0.1", grpcPort: rpc, httpPort: http };
  }
  const folder = join(dataDir, "envoy");
  mkdirSync(folder, { recursive: true });
  const configFile = join(folder, "envoy.yaml");
  writeFileSync(
    configFile,
    renderGateway({
      upstreams,
      listenAddress: "127.0.0.1",
      listenPort: ports.gateway,
      adminPort: ports.gatewayAdmin,
      metricsPort: ports.gatewayMetrics,
      corsOrigins,
      descriptorPath,
      rateLimits,
    }),
  );
  return {
    name: "envoy",
    command: binary,
    args: ["-c", configFile, "--use-dynamic-base-id", "--concurrency", String(workerThreads), "--log-level", "warning"],
    cwd: folder,
    logFile: join(logsDir, "envoy.log"),
    stopTimeoutMs,
    env: { PATH: process.env.PATH },
  };
}
