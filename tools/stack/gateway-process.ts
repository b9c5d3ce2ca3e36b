import { execFile } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { renderGateway, type Upstream } from "../gateway/render.ts";
import { type StackPorts, serviceNames } from "./stack-config.ts";
import { StackError } from "./stack-error.ts";
import type { ProcessSpec } from "./supervised-process.ts";

const stopTimeoutMs = 10_000;
const validateTimeoutMs = 20_000;
/** As many as the image has, but no more than there are processors: a second thread on one makes each call cost a fifth more. */
const workerThreads = Math.min(2, availableParallelism());
/** For so long every answer asks its caller for another connection, while new ones are still taken. */
const drainTimeS = 1;
/** What is under way then may go on for this long. */
const lastAnswersMaxMs = 5_000;
const drainLookIntervalMs = 50;
/** A gateway that works answers at once; on a busy machine that takes a while. */
const askTimeoutMs = 3_000;
const logFlushIntervalMs = 250;

interface GatewaySetup {
  binary: string;
  rootDir: string;
  dataDir: string;
  logsDir: string;
  ports: StackPorts;
  /** Where services are reached instead of at their own ports. */
  upstreamPorts?: Partial<StackPorts["services"]>;
  corsOrigins: readonly string[];
  rateLimits?: Parameters<typeof renderGateway>[0]["rateLimits"];
}

function writeConfiguration(setup: GatewaySetup, name: string): string {
  const { rootDir, dataDir, ports, upstreamPorts, corsOrigins, rateLimits } = setup;
  const descriptorPath = join(rootDir, "proto", "gen", "contract.binpb");
  if (!existsSync(descriptorPath)) throw new StackError("The contract has not been generated: `make generate` first.");
  const upstreams: Record<string, Upstream> = {};
  for (const name of serviceNames) {
    const { rpc, http } = upstreamPorts?.[name] ?? ports.services[name];
    upstreams[name] = { host: "127.0.0.1", grpcPort: rpc, httpPort: http };
  }
  const folder = join(dataDir, "envoy");
  mkdirSync(folder, { recursive: true });
  const configFile = join(folder, name);
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
  return configFile;
}

/** Why Envoy would not take the committed configuration for these ports; undefined when it would. Changes nothing. */
export async function whyGatewayRefuses(setup: GatewaySetup): Promise<string | undefined> {
  let configFile: string;
  try {
    configFile = writeConfiguration(setup, "envoy.next.yaml");
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const args = ["--mode", "validate", "-c", configFile, "--log-level", "error"];
  return await promisify(execFile)(setup.binary, args, { timeout: validateTimeoutMs }).then(
    () => undefined,
    ({ stderr, message }: { stderr?: string; message: string }) => stderr?.trim().split("\n").at(-1) || message,
  );
}

/** Writes the gateway's configuration for these ports and says how to run it. Throws a StackError without a contract. */
export function prepareGateway(setup: GatewaySetup): ProcessSpec {
  const configFile = writeConfiguration(setup, "envoy.yaml");
  const { binary, logsDir } = setup;
  return {
    name: "envoy",
    command: binary,
    args: [
      ...["-c", configFile, "--use-dynamic-base-id", "--concurrency", String(workerThreads), "--log-level", "warning"],
      // Else all connections would be asked at a random moment of the time.
      ...["--drain-strategy", "immediate", "--drain-time-s", String(drainTimeS)],
      // Else the access log is ten seconds behind.
      ...["--file-flush-interval-msec", String(logFlushIntervalMs)],
    ],
    cwd: dirname(configFile),
    logFile: join(logsDir, "envoy.log"),
    stopTimeoutMs,
    drain: () => drainGateway(`http://127.0.0.1:${setup.ports.gatewayAdmin}`),
    env: { PATH: process.env.PATH },
  };
}

/**
 * Envoy ends at once when it is told to, with all that is under way. So before that it is asked to take no new connections,
 * and given time until the last one of its callers is closed.
 */
async function drainGateway(admin: string): Promise<void> {
  // One that hangs takes the question and answers nothing.
  const ask = (path: string, method = "GET") =>
    fetch(`${admin}${path}`, { method, signal: AbortSignal.timeout(askTimeoutMs) });
  const asked = await ask("/drain_listeners?graceful", "POST");
  if (!asked.ok) return;
  await delay(drainTimeS * 1000);
  const open = async () => {
    const stats = await ask("/stats?filter=^http\\.gateway\\.downstream_cx_active$");
    return !(await stats.text()).includes("downstream_cx_active: 0\n");
  };
  const endTime = Date.now() + lastAnswersMaxMs;
  while (Date.now() < endTime && (await open())) await delay(drainLookIntervalMs);
}
