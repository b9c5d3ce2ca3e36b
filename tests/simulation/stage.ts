import { waitMaxDefaultMs } from "../../tools/audit/judge.ts";
import { type Customers, createCustomers } from "./customers.ts";
import { createJudge, type Judge } from "./judge.ts";
import { createPromises, type Promises } from "./promises.ts";
import { createRandom } from "./random.ts";
import { type EmptyDatabases, openSimulatedShop, type SimulatedShop } from "./shop.ts";
import { useVirtualTime } from "./virtual-time.ts";
import { createWorld, type Task, type World } from "./world.ts";

/** A simulated shop with people in it, and somebody who watches. */
export interface Stage {
  readonly world: World;
  readonly shop: SimulatedShop;
  readonly customers: Customers;
  readonly judge: Judge;
  readonly promises: Promises;
  /** Lets the world go on until something is done, or something has happened that must not. */
  runUntil(isDone: () => boolean): Promise<void>;
  /**
   * Lets the world go on until nothing is under way any more and everything agrees. What does not agree in time becomes a
   * violation. Resolves with how long it took, ms of the world.
   */
  settle(): Promise<number>;
  close(): void;
}

const lookIntervalMs = 250;
const breathSteps = 256;
/** Not the one of the world. */
const { setImmediate: breathe } = globalThis;

/**
 * Opens a stage on which one process of each service starts. From here until it is closed, all code of this process lives
 * in the time of the world.
 */
export function openStage(options: { seed: string; empty: EmptyDatabases; onStep?: (task: Task) => void }): Stage {
  const random = createRandom(options.seed);
  const world = createWorld(random);
  const restoreTime = useVirtualTime(world);
  const judge = createJudge(world);
  const shop = openSimulatedShop(world, judge, options.empty);
  const customers = createCustomers(world, shop.calls, random.fork("customers"));
  const promises = createPromises(world.violate);
  const rejected = (error: unknown) =>
    world.violate(`unhandled rejection: ${error instanceof Error ? error.stack : String(error)}`);
  process.on("unhandledRejection", rejected);
  world.onStep((task) => {
    judge.afterStep(shop);
    options.onStep?.(task);
  });
  for (const service of shop.services) service.start();

  const isBroken = () => world.violations.length > 0;

  async function runUntil(isDone: () => boolean): Promise<void> {
    while (!isBroken() && !isDone()) {
      if (!(await world.step())) return;
      // Node tells of unhandled rejections, and collects what nobody needs, only between its own turns.
      if (world.stepCount % breathSteps === 0) await new Promise((resolve) => breathe(resolve));
    }
  }

  async function settle(): Promise<number> {
    const startTime = world.time;
    for (;;) {
      const lookTime = world.time + lookIntervalMs;
      await runUntil(() => world.time >= lookTime);
      if (isBroken()) break;
      const isLate = world.time - startTime > waitMaxDefaultMs;
      const left =
        world.workCount > 0 && !isLate ? ["something is under way"] : await judge.disagreements(shop, promises);
      if (left.length === 0) break;
      if (!isLate) continue;
      for (const what of left) world.violate(what);
      world.violate(`I1: not at rest after ${waitMaxDefaultMs} ms`);
      break;
    }
    return Math.round(world.time - startTime);
  }

  return {
    world,
    shop,
    customers,
    judge,
    promises,
    runUntil,
    settle,
    close() {
      process.off("unhandledRejection", rejected);
      restoreTime();
      shop.close();
    },
  };
}
