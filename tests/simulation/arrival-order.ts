import type { BrokerMessage } from "@quartet/chassis/broker/broker";
import { shortOf } from "./short-message.ts";
import type { World } from "./world.ts";

/**
 * Holds the services to the order of each aggregate: events may arrive at the broker again and again, but each for the first
 * time only after those before it. To be told of every message that arrives.
 */
export function createArrivalOrder(world: Pick<World, "violate">): (message: BrokerMessage) => void {
  const arrived = new Map<string, { readonly ids: Set<string>; version: number }>();
  return (message) => {
    const { id, aggregate, version } = message;
    const earlier = arrived.get(aggregate) ?? { ids: new Set(), version };
    arrived.set(aggregate, earlier);
    if (!earlier.ids.has(id) && version < earlier.version) {
      world.violate(`I7: ${shortOf(message)} arrives only after its version ${earlier.version}`);
    }
    earlier.ids.add(id);
    earlier.version = Math.max(earlier.version, version);
  };
}
