import { setTimeout as delay } from "node:timers/promises";
import { serviceNames } from "../../../tools/stack/stack-config.ts";
import type { NativeSystem } from "../../e2e/native-system.ts";
import type { PartName } from "../../e2e/system.ts";
import type { SeededRandom } from "../random.ts";

const parts: readonly PartName[] = [...serviceNames, "rabbitmq", "envoy"];
const pauseMs = 500;

/** Orders in which the processes of a shop may start. In the first the gateway comes before all others, the broker after. */
export function startOrders(random: SeededRandom, count: number): PartName[][] {
  const orders = Array.from({ length: count }, () => random.shuffled(parts));
  return [["envoy", ...random.shuffled(serviceNames), "rabbitmq"], ...orders].slice(0, count) as PartName[][];
}

/** Stops everything and starts it in an order, a little apart. Resolves when all of it is ready. */
export async function startInOrder(system: NativeSystem, order: readonly PartName[]): Promise<void> {
  await Promise.all(order.map((part) => system.stop(part)));
  for (const part of order) {
    system.stack.start(part);
    await delay(pauseMs);
  }
  await system.ready();
}
