import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { SeededRandom } from "../random.ts";

/** What is wrong with one direction of a link. Nothing, when it is empty. */
export interface DirectionFaults {
  /** How much later bytes arrive. */
  readonly latencyMs?: number;
  /** How much later still, at most; each piece draws its own. */
  readonly jitterMs?: number;
  readonly bytesPerSecond?: number;
  /** Bytes arrive in pieces of 1 to so many, each on its own. */
  readonly pieceBytesMax?: number;
  /** Nothing arrives, not even the end of a connection; later it does, as after a loss of packets. */
  readonly isSilent?: boolean;
  /** Connections break after so many bytes at most, wherever that is in a frame; each draws its own. */
  readonly cutAfterBytesMax?: number;
}

/** What is wrong with a link. */
export interface LinkFaults {
  readonly toServer?: DirectionFaults;
  readonly toClient?: DirectionFaults;
}

/** A TCP relay between clients and a server on loopback, with the faults that networks have. */
export interface FaultyLink {
  /** Port on 127.0.0.1; stays the same. */
  readonly port: number;
  /** How many connections were made so far. */
  accepted(): number;
  /** How many bytes came while their direction had a fault. */
  bytesDisturbed(): number;
  /** Puts these faults in the place of those there were; they concern the connections there are, too. */
  set(faults: LinkFaults): void;
  /** Breaks every connection by a reset. */
  reset(): void;
  /**
   * Lets the connections there are die in one direction, silently and for good, as when a router forgets them: nothing
   * more arrives there, not even their end. New ones are not concerned.
   */
  forget(direction: "toServer" | "toClient"): void;
  /** Refuses connections and resets those there are, or accepts them again. */
  refuse(isRefusing: boolean): Promise<void>;
  /** Ends all of it. */
  stop(): Promise<void>;
}

/** One direction of one connection. */
interface Flow {
  /** Takes notice of other faults. */
  wake(): void;
  forget(): void;
}

interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  readonly toServer: Flow;
  readonly toClient: Flow;
}

/** Bytes under way in one direction of one connection, beyond which the sender is made to wait. */
const underWayMaxBytes = 262_144;

/** Starts a link to a port on 127.0.0.1, without faults at first. What is drawn, is drawn from `random`. */
export async function startFaultyLink(targetPort: number, random: SeededRandom): Promise<FaultyLink> {
  const connections = new Set<Connection>();
  let faults: LinkFaults = {};
  let listener: Server | undefined;
  let port = 0;
  let [accepted, bytesDisturbed] = [0, 0];
  const onDisturbed = (bytes: number) => {
    bytesDisturbed += bytes;
  };

  const accept = (client: Socket) => {
    accepted += 1;
    const server = connect({ host: "127.0.0.1", port: targetPort, noDelay: true, allowHalfOpen: true });
    const breakBoth = () => {
      breakOff(client);
      breakOff(server);
    };
    const shared = { random, breakBoth, onDisturbed };
    const connection: Connection = {
      client,
      server,
      toServer: startFlow({ ...shared, from: client, to: server, faults: () => faults.toServer ?? {} }),
      toClient: startFlow({ ...shared, from: server, to: client, faults: () => faults.toClient ?? {} }),
    };
    connections.add(connection);
    const onClose = () => {
      if (client.destroyed && server.destroyed) connections.delete(connection);
    };
    client.once("close", onClose);
    server.once("close", onClose);
  };

  const listen = async () => {
    const next = createServer({ noDelay: true, allowHalfOpen: true }, accept);
    await new Promise<void>((resolve, reject) => {
      next.once("error", reject);
      next.listen(port, "127.0.0.1", resolve);
    });
    port = (next.address() as AddressInfo).port;
    listener = next;
  };
  const reset = () => {
    for (const { client, server } of connections) {
      breakOff(client);
      breakOff(server);
    }
  };
  const close = async () => {
    const open = listener;
    listener = undefined;
    reset();
    if (open !== undefined) await new Promise<void>((resolve) => open.close(() => resolve()));
  };

  await listen();
  return {
    port,
    accepted: () => accepted,
    bytesDisturbed: () => bytesDisturbed,
    set(next) {
      faults = next;
      for (const { toServer, toClient } of connections) {
        toServer.wake();
        toClient.wake();
      }
    },
    reset,
    forget(direction) {
      for (const connection of connections) connection[direction].forget();
    },
    async refuse(isRefusing) {
      if (isRefusing) await close();
      else if (listener === undefined) await listen();
    },
    stop: close,
  };
}

function startFlow(options: {
  from: Socket;
  to: Socket;
  faults: () => DirectionFaults;
  random: SeededRandom;
  breakBoth: () => void;
  onDisturbed: (bytes: number) => void;
}): Flow {
  const { from, to, faults, random, breakBoth, onDisturbed } = options;
  /** What has arrived and not been passed on; the last may be the end. */
  const queue: ({ readonly data: Buffer; readonly dueTime: number } | "end" | "reset")[] = [];
  let bytes = 0;
  let passedBytes = 0;
  let cutShare: number | undefined;
  let isForgotten = false;
  let isPassing = false;
  let hasEnded = false;
  let timer: NodeJS.Timeout | undefined;

  const push = (entry: (typeof queue)[number]) => {
    queue.push(entry);
    if (!isPassing) pass();
  };
  const later = (ms: number) => {
    isPassing = true;
    clearTimeout(timer);
    timer = setTimeout(pass, ms);
  };

  /** Passes on what is due, and comes back when something else is. */
  function pass(): void {
    isPassing = false;
    while (queue.length > 0) {
      const now = faults();
      if (isForgotten || now.isSilent === true || to.destroyed) return;
      const [first] = queue;
      if (first === undefined || first === "end" || first === "reset") {
        queue.shift();
        if (first === "reset") breakOff(to);
        else to.end();
        continue;
      }
      const waitMs = first.dueTime - performance.now();
      if (waitMs > 0) {
        later(waitMs);
        return;
      }
      const piece = takePiece(first.data, now);
      if (isCut(piece.byteLength, now)) {
        to.write(piece.subarray(0, piece.byteLength >> 1), breakBoth);
        queue.length = 0;
        return;
      }
      to.write(piece);
      if (bytes < underWayMaxBytes) from.resume();
      if (now.bytesPerSecond !== undefined || now.pieceBytesMax !== undefined) {
        // Not in the same turn: pieces would arrive as one.
        later((piece.byteLength / (now.bytesPerSecond ?? Number.POSITIVE_INFINITY)) * 1000);
        return;
      }
    }
  }

  function takePiece(data: Buffer, now: DirectionFaults): Buffer {
    const wanted = now.pieceBytesMax ?? (now.bytesPerSecond === undefined ? data.byteLength : now.bytesPerSecond / 50);
    const size = now.pieceBytesMax === undefined ? Math.ceil(wanted) : random.between(1, wanted);
    const piece = data.subarray(0, size);
    bytes -= piece.byteLength;
    if (piece.byteLength === data.byteLength) queue.shift();
    else queue[0] = { data: data.subarray(size), dueTime: 0 };
    return piece;
  }

  function isCut(size: number, now: DirectionFaults): boolean {
    if (now.cutAfterBytesMax === undefined) {
      cutShare = undefined;
      passedBytes = 0;
      return false;
    }
    cutShare ??= random.next();
    passedBytes += size;
    return passedBytes > cutShare * now.cutAfterBytesMax;
  }

  from.on("data", (data: Buffer) => {
    const now = faults();
    if (isForgotten || Object.keys(now).length > 0) onDisturbed(data.byteLength);
    const { latencyMs = 0, jitterMs = 0 } = now;
    const last = queue.at(-1);
    const earliest = typeof last === "object" ? last.dueTime : 0;
    const dueTime = Math.max(earliest, performance.now() + latencyMs + random.next() * jitterMs);
    bytes += data.byteLength;
    if (bytes >= underWayMaxBytes) from.pause();
    push({ data, dueTime });
  });
  from.once("end", () => {
    hasEnded = true;
    push("end");
  });
  from.on("error", () => {});
  from.once("close", (hadError) => {
    if (hadError || !hasEnded) push("reset");
  });
  to.once("close", () => clearTimeout(timer));

  return {
    wake: () => later(0),
    forget() {
      isForgotten = true;
    },
  };
}

function breakOff(socket: Socket): void {
  // Only while both directions are open: on a socket that is just shutting down resetAndDestroy leaves the handle behind,
  // and the process then spins for ever when it ends.
  if (socket.readyState === "open") socket.resetAndDestroy();
  else socket.destroy();
}
