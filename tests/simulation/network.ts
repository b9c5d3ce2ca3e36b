import type { Random } from "./random.ts";
import type { Process, World } from "./world.ts";

/** How a network treats what is sent. */
export interface NetworkFaults {
  /** Usual time of a message on its way, ms. */
  latencyMs: number;
  /** Probability that a message takes long, up to a few seconds. */
  slow: number;
}

/** What carries messages between processes: with delays that let them overtake each other. */
export interface Network {
  readonly faults: NetworkFaults;
  /** Lets something happen in another process, a while later. */
  send(to: Process, what: string, run: () => unknown): void;
  /**
   * Sends from the process whose turn it is. Should it end before the message arrives, the message is either on its way
   * already or gone with it.
   */
  sendFromCurrent(to: Process, what: string, run: () => unknown): void;
  /**
   * Tells the network that a process has ended. Returns when the last of what it had sent arrives, ms of the world: not
   * before then does anybody learn of its end.
   */
  lose(process: Process): number;
}

const slowMaxMs = 3_000;

/** Creates a network without faults. */
export function createNetwork(world: World, random: Random): Network {
  const faults: NetworkFaults = { latencyMs: 0.5, slow: 0 };
  const onTheirWay = new Map<Process, Set<{ readonly arrivalTime: number; isLost: boolean }>>();

  const latency = (): number =>
    random.chance(faults.slow) ? random.between(0, slowMaxMs) : -Math.log(1 - random.next()) * faults.latencyMs;

  return {
    faults,
    send: (to, what, run) => void world.after(to, latency(), what, run),
    sendFromCurrent(to, what, run) {
      const from = world.current;
      const delayMs = latency();
      const parcel = { arrivalTime: world.time + delayMs, isLost: false };
      const parcels = onTheirWay.get(from) ?? new Set();
      onTheirWay.set(from, parcels.add(parcel));
      world.after(to, delayMs, what, () => {
        parcels.delete(parcel);
        return parcel.isLost ? undefined : run();
      });
    },
    lose(process) {
      const parcels = [...(onTheirWay.get(process) ?? [])];
      onTheirWay.delete(process);
      for (const parcel of parcels) parcel.isLost = random.chance(0.5);
      const arrived = parcels.filter(({ isLost }) => !isLost).map(({ arrivalTime }) => arrivalTime);
      return Math.max(world.time, ...arrived);
    },
  };
}
