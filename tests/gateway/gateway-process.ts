import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type GatewayOptions, renderGateway } from "../../tools/gateway/render.ts";
import { findEnvoy } from "../../tools/stack/envoy.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The contract's descriptor set, as Envoy loads it. */
export const contractPath = join(root, "proto", "gen", "contract.binpb");

const readyWithinMs = 15_000;
const pollMs = 25;

/** The Envoy to test with. Throws a sentence that says how to get one. */
export function envoyBinary(): string {
  const found = findEnvoy(process.env, root);
  if (found === undefined)
    throw new Error("there is no Envoy 1.39 or later: `make up` and `make test` fetch one, or set ENVOY_BIN");
  return found;
}

/** A running gateway. */
export interface Gateway {
  readonly url: string;
  readonly port: number;
  readonly adminUrl: string;
  readonly metricsUrl: string;
  readonly pid: number;
  /** What it has written so far: the access log and its own warnings. */
  output(): string;
  stop(): Promise<void>;
}

/**
 * Starts the real Envoy with the committed configuration, its addresses replaced, and waits until it takes calls.
 * `revise` changes more of it, for what would otherwise take minutes to see.
 */
export async function startGateway(
  options: GatewayOptions,
  revise: (yaml: string) => string = (yaml) => yaml,
): Promise<Gateway> {
  const folder = await mkdtemp(join(tmpdir(), "quartet-gateway-"));
  const config = join(folder, "envoy.yaml");
  // Free ports for the listeners are Envoy's to choose. The admin port is not: one of the clusters has to name it.
  const adminPort = await freePort();
  const listen = { listenAddress: "127.0.0.1", listenPort: 0, adminPort, metricsPort: 0 };
  await writeFile(config, revise(renderGateway({ ...listen, descriptorPath: contractPath, ...options })));

  const parameters = ["-c", config, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warning"];
  const child = spawn(envoyBinary(), parameters, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      // Envoy ends at once, and writes the rest of its log.
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await eventually("the gateway is ready", async () => {
      if (child.exitCode !== null) throw new Error(`Envoy ended with ${child.exitCode}:\n${output}`);
      return (await fetch(`${adminUrl}/ready`).catch(() => undefined))?.status === 200;
    });
  } catch (error) {
    await stop();
    throw error;
  }
  const ports = await listenerPorts(adminUrl);
  const port = ports.get("gateway") ?? 0;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    adminUrl,
    metricsUrl: `http://127.0.0.1:${ports.get("metrics") ?? 0}`,
    pid: child.pid ?? 0,
    output: () => output,
    stop,
  };
}

/** Waits until a condition holds; fails with its name when that takes too long. */
export async function eventually(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const end = Date.now() + readyWithinMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not within ${readyWithinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** The contract's descriptor set. */
export async function readContract(): Promise<Uint8Array> {
  return readFile(contractPath);
}

async function listenerPorts(adminUrl: string): Promise<ReadonlyMap<string, number>> {
  const answer = (await (await fetch(`${adminUrl}/listeners?format=json`)).json()) as {
    listener_statuses: { name: string; local_address: { socket_address: { port_value: number } } }[];
  };
  return new Map(
    answer.listener_statuses.map(({ name, local_address }) => [name, local_address.socket_address.port_value]),
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  await once(server.close(), "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
