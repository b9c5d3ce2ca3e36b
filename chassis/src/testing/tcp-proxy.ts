import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A TCP relay between a client and a server, to break what runs through it. */
export interface TcpProxy {
  /** Port on 127.0.0.1; stays the same. */
  readonly port: number;
  /** Breaks every connection; new ones are accepted. */
  cut(): void;
  /** Stops to pass on what the server answers, or goes on with it. */
  holdAnswers(hold: boolean): void;
  /** Refuses connections and breaks those there are, or accepts them again. */
  setUp(up: boolean): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a proxy to a port on 127.0.0.1. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const pairs = new Set<{ client: Socket; server: Socket }>();
  let server: Server | undefined;
  let port = 0;
  let holding = false;

  function accept(client: Socket): void {
    const target = connect({ host: "127.0.0.1", port: targetPort, noDelay: true });
    const pair = { client, server: target };
    pairs.add(pair);
    const close = () => {
      client.destroy();
      target.destroy();
      pairs.delete(pair);
    };
    for (const socket of [client, target]) {
      socket.on("error", close);
      socket.on("close", close);
    }
    client.pipe(target);
    target.on("data", (data) => client.write(data));
    if (holding) target.pause();
  }

  async function listen(): Promise<void> {
    const next = createServer({ noDelay: true }, accept);
    await new Promise<void>((resolve, reject) => {
      next.once("error", reject);
      next.listen(port, "127.0.0.1", resolve);
    });
    port = (next.address() as AddressInfo).port;
    server = next;
  }

  function cut(): void {
    for (const { client, server: target } of pairs) {
      // Not resetAndDestroy: on a socket that is just shutting down it leaves the handle behind, and the process then
      // spins for ever when it ends.
      client.destroy();
      target.destroy();
    }
  }

  async function close(): Promise<void> {
    const open = server;
    server = undefined;
    cut();
    if (open !== undefined) await new Promise<void>((resolve) => open.close(() => resolve()));
  }

  await listen();
  return {
    port,
    cut,
    holdAnswers(hold) {
      holding = hold;
      for (const pair of pairs) {
        if (hold) pair.server.pause();
        else pair.server.resume();
      }
    },
    setUp: async (up) => {
      if (!up) await close();
      else if (server === undefined) await listen();
    },
    stop: close,
  };
}
