import type { BrokerMessage } from "@quartet/chassis/broker/broker";

/** A message in a few characters: `OrderPlaced 3 of orders/…`. */
export function shortOf({ type, aggregate, version }: Pick<BrokerMessage, "type" | "aggregate" | "version">): string {
  return `${type.slice(type.lastIndexOf(".") + 1)} ${version} of ${aggregate.slice(0, 9)}…${aggregate.slice(-4)}`;
}
