import { setTimeout as delay } from "node:timers/promises";
import { assertBooksAgree } from "../../../tools/audit/assert-books-agree.ts";
import { readLogLine } from "../../../tools/logs/log-entry.ts";
import { showEntry } from "../../../tools/logs/show-entry.ts";
import { waitUntil } from "../../../tools/stack/ready.ts";
import { checkoutPlans } from "../customers/checkout-plan.ts";
import { acknowledgedOrders, startCrowd, type Venue } from "../customers/crowd.ts";
import { patientCounted, shop } from "../customers/shopper.ts";
import { judgeMeanwhile } from "../judge/storm-judge.ts";
import { seededRandom } from "../random.ts";
import type { NetworkScenario } from "./network-scenarios.ts";
import type { NetworkSystem } from "./network-system.ts";

/** What came of a scenario. */
export interface ScenarioResult {
  /** What is not as it must be, in words. */
  readonly problems: readonly string[];
  /** One line of figures. */
  readonly figures: string;
}

const loadTimeoutMs = 60_000;
/** One customer after another, whatever becomes of those before. */
const arrivalMs = 400;
const loadedCount = 6;
/** The longest deadline of a unary method, and what a busy machine adds. */
const callMaxMs = 5_000 + 1_500;
const breakWaitMaxMs = 15_000;
/** Nothing takes as long where nobody is held up. */
const slowMs = 1_000;
const problemsShownMax = 10;

/**
 * Lets a crowd in, breaks the network for `faultMs`, heals it, and asks for a new order to be confirmed in time, for the
 * promises to everybody to be kept, for what must hold at every read to hold meanwhile, and for the books to agree.
 */
export async function runScenario(options: {
  system: NetworkSystem;
  venue: Venue;
  scenario: NetworkScenario;
  seed: number;
  faultMs: number;
  /** Whether its bounds of time are to hold. Without it they are only told. */
  isTimed: boolean;
}): Promise<ScenarioResult> {
  const { system, venue, scenario, seed, faultMs, isTimed } = options;
  const { links } = system;
  const random = seededRandom(seed);
  const problems: string[] = [];
  const startTime = Date.now();
  const crowd = startCrowd(venue, checkoutPlans(seed), { everyMs: arrivalMs });
  const judge = judgeMeanwhile(system.dataDir, () => acknowledgedOrders(venue));
  const isLoaded = () => crowd.acknowledged() >= loadedCount;
  if (!(await waitUntil(isLoaded, loadTimeoutMs))) problems.push("no orders even before the fault");

  const beginTime = performance.now();
  const acceptedBefore = scenario.endsByItself?.(links).accepted() ?? 0;
  const acknowledgedBefore = crowd.acknowledged();
  const connectionsBefore = system.connectionsMade();
  const disturbedBefore = system.bytesDisturbed();
  await scenario.begin(links);
  await scenario.onceBegun?.(system);
  const { everyMs = 0, act } = scenario.repeat ?? {};
  const timer = act === undefined ? undefined : setInterval(() => act(links, random), everyMs);
  let recoveryMs: number | undefined;
  if (scenario.endsByItself !== undefined) {
    const isReplaced = () => (scenario.endsByItself?.(links).accepted() ?? 0) > acceptedBefore;
    if (!(await waitUntil(isReplaced, scenario.recoveryMaxMs))) problems.push("the dead connection is not replaced");
    const foundMs = performance.now() - beginTime;
    recoveryMs = foundMs + (await probe(venue));
  }
  await delay(Math.max(0, faultMs - (performance.now() - beginTime)));
  // How soon a connection breaks is up to what passes through it: the fault goes on until one was made again. Where
  // connections are refused that is after the fault.
  const isBroken = () => scenario.breaksConnections !== true || system.connectionsMade() > connectionsBefore;
  await waitUntil(isBroken, breakWaitMaxMs);
  const disturbed = system.bytesDisturbed() - disturbedBefore;
  const acknowledgedDuring = crowd.acknowledged() - acknowledgedBefore;
  clearInterval(timer);
  await system.heal();
  const afterMs = await probe(venue);
  recoveryMs ??= afterMs;
  const connections = system.connectionsMade() - connectionsBefore;
  if (!isBroken()) problems.push("no connection was broken");
  if (scenario.breaksConnections !== true && disturbed === 0) problems.push("the fault met nothing under way");
  if (isTimed && recoveryMs > scenario.recoveryMaxMs) problems.push(`recovered after ${Math.round(recoveryMs)} ms`);
  crowd.close();
  await crowd.done;
  await judge.stop();

  const { retries, slowestCallMs } = crowd.encounters;
  problems.push(...crowd.problems, ...judge.problems);
  if (scenario.answersThroughout && retries.size > 0)
    problems.push(`not answered at once: ${JSON.stringify([...retries])}`, ...slowLines(system, startTime));
  if (scenario.answersThroughout && acknowledgedDuring === 0) problems.push("no order was accepted");
  if (isTimed && slowestCallMs > callMaxMs) problems.push(`a call took ${Math.round(slowestCallMs)} ms`);
  await assertBooksAgree(system).catch((error: Error) => problems.push(error.message));
  const repeats = [...retries.values()].reduce((sum, number) => sum + number, 0);
  return {
    problems: problems.slice(0, problemsShownMax),
    figures: [
      `${acknowledgedDuring} orders accepted meanwhile, ${crowd.checkouts.length} checkouts in all`,
      `${connections} connections made again, ${disturbed} bytes held up, all books read ${judge.readings()} times`,
      `${repeats} calls repeated, slowest call ${(slowestCallMs / 1000).toFixed(1)} s`,
      `recovered ${(recoveryMs / 1000).toFixed(1)} s after its ${scenario.endsByItself === undefined ? "end" : "beginning"}`,
    ].join("; "),
  };
}

/** What took long since a time, as the logs tell it: who was held up, and by whom. */
function slowLines({ stack }: NetworkSystem, startTime: number): string[] {
  return stack
    .status()
    .flatMap(({ name }) =>
      stack
        .logs(name)
        .split("\n")
        .map((line) => readLogLine(name, line)),
    )
    .filter(({ time = 0, message }) => time >= startTime && Number(/ ([\d.]+) ms$/.exec(message)?.[1]) > slowMs)
    .map((entry) => showEntry(entry, { colors: false }));
}

/** How long a new order takes to be settled, for a customer who repeats what is not answered, ms. */
async function probe({ admin, shelves, customers, checkouts }: Venue): Promise<number> {
  const startTime = performance.now();
  const encounters = { retries: new Map(), duplicates: 0, cancelledIn: new Map(), slowestCallMs: 0 };
  const [customer] = customers;
  if (customer === undefined) throw new Error("nobody is here");
  await shop({
    plan: {
      name: "paid",
      ends: ["CONFIRMED"],
      paymentToken: "tok_visa",
      quantities: [1],
      choice: 0,
      repetition: "at once",
      pauseMs: 0,
    },
    customer,
    admin: patientCounted(admin, encounters),
    shelves,
    encounters,
    onStart: (checkout) => checkouts.push(checkout),
    onAcknowledged: () => {},
  });
  return performance.now() - startTime;
}
