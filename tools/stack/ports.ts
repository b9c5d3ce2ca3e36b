import { connect, createServer } from "node:net";
import { waitUntil } from "./ready.ts";
import { byService, type NamedPort, type StackPorts, serviceNames } from "./stack-config.ts";
import { StackError } from "./stack-error.ts";

/** From 32768 on, Linux hands ports to outgoing connections, which can take one between our look and our use. */
const allPorts = "10000-32000";
/** The one port there that neither fetch nor a browser calls: https://fetch.spec.whatwg.org/#port-blocking. */
const blockedPort = 10_080;
const attemptsMax = 2_000;
/** Most outgoing connections of this machine to itself, which is what takes a loopback port, are over by then. */
const outgoingWaitMs = 15_000;

/** Whether a server could listen on this loopback port now. */
export async function isPortFree(port: number): Promise<boolean> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * Throws a StackError that names the first port that another program holds, and the setting that moves ours. A port that only
 * an outgoing connection holds is waited for.
 */
export async function checkPortsFree(ports: readonly NamedPort[]): Promise<void> {
  for (const { port, owner, variable } of ports) {
    if (await isPortFree(port)) continue;
    if (!(await isListenedOn(port)) && (await waitUntil(() => isPortFree(port), outgoingWaitMs))) continue;
    throw new StackError(
      `Port ${port}, meant for ${owner}, is in use by another program: stop that program or choose another port with ${variable}=.`,
    );
  }
}

function isListenedOn(port: number): Promise<boolean> {
  const socket = connect({ port, host: "127.0.0.1" });
  return new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  }).finally(() => socket.destroy());
}

/**
 * `count` different free ports below the range of outgoing connections, of FREE_PORTS=LOWEST-HIGHEST where that is set:
 * nobody holds a port until its server listens, so whoever starts servers at the same time gets ports of his own. Throws a
 * StackError when there are not so many.
 */
export async function freePorts(count: number, range = process.env.FREE_PORTS ?? allPorts): Promise<number[]> {
  const [lowestPort = 0, highestPort = 0] = range.split("-").map(Number);
  const found = new Set<number>();
  for (let attempt = 0; attempt < attemptsMax && found.size < count; attempt++) {
    const port = lowestPort + Math.floor(Math.random() * (highestPort - lowestPort));
    if (port !== blockedPort && !found.has(port) && (await isPortFree(port))) found.add(port);
  }
  if (found.size < count) throw new StackError(`No ${count} free ports between ${lowestPort} and ${highestPort}.`);
  return [...found];
}

/** A full set of free ports for a stack of its own. */
export async function freeStackPorts(): Promise<StackPorts> {
  const free = await freePorts(6 + 2 * serviceNames.length);
  const next = () => {
    const port = free.pop();
    if (port === undefined) throw new StackError("Fewer free ports than a stack needs.");
    return port;
  };
  return {
    gateway: next(),
    gatewayAdmin: next(),
    gatewayMetrics: next(),
    services: byService(() => ({ rpc: next(), http: next() })),
    amqp: next(),
    amqpDistribution: next(),
    epmd: next(),
  };
}
