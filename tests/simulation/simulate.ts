import { createTrouble, type Trouble } from "./faults.ts";
import type { EmptyDatabases } from "./shop.ts";
import { openStage } from "./stage.ts";
import { type Assortment, createAssortment, startWorkload } from "./workload.ts";

/** What became of one simulation. */
export interface Outcome {
  readonly seed: number;
  readonly checkouts: number;
  /** Names everything that happened. */
  readonly hash: string;
  /** What must not have happened; empty when all is well. */
  readonly violations: readonly string[];
  /** The last lines of the history. */
  readonly tail: readonly string[];
  readonly steps: number;
  /** How long it took in the world, ms. */
  readonly worldMs: number;
  /** From the end of all trouble until everything was at rest, ms. */
  readonly settleMs: number;
  /** Orders that were acknowledged. */
  readonly orders: number;
  /** How often what went wrong. */
  readonly trouble: Readonly<Record<string, number>>;
}

/** Longest that customers may be at it. More would mean that some call is never answered. */
const workloadMaxMs = 300_000;
const openingMs = 500;
const tailLines = 80;

/**
 * Simulates one seed: the shop opens, customers come while everything goes wrong, everything becomes well again, and what
 * is then in the books must agree with itself and with what was acknowledged.
 */
export async function simulate(options: { seed: number; checkouts: number; empty: EmptyDatabases }): Promise<Outcome> {
  const { seed, checkouts, empty } = options;
  let trouble: Trouble | undefined;
  const stage = openStage({ seed: `${seed}/${checkouts}`, empty, onStep: (task) => trouble?.afterStep(task) });
  const { world, shop, customers, promises, runUntil } = stage;
  const { random } = world;
  let settleMs = 0;
  try {
    trouble = createTrouble(world, shop, random.fork("trouble"));
    let assortment: Assortment | undefined;
    customers.begin(openingMs, "opening", async () => {
      assortment = await createAssortment(customers, random.fork("assortment"));
    });
    await runUntil(() => customers.busyCount === 0);
    if (assortment !== undefined) {
      trouble.begin();
      startWorkload({ customers, promises, random: random.fork("workload"), assortment, checkouts });
      await runUntil(() => customers.busyCount === 0 || world.time > workloadMaxMs);
      if (customers.busyCount > 0) world.violate(`${customers.busyCount} customers are never answered`);
      trouble.end();
    }
    settleMs = await stage.settle();
  } finally {
    stage.close();
  }
  return {
    seed,
    checkouts,
    hash: world.hash(),
    violations: [...world.violations],
    tail: world.tail(tailLines),
    steps: world.stepCount,
    worldMs: Math.round(world.time),
    settleMs,
    orders: promises.orders.length,
    trouble: Object.fromEntries(trouble.counts),
  };
}
