import { assertBooksAgree } from "../../../tools/audit/assert-books-agree.ts";
import type { NativeSystem } from "../../e2e/native-system.ts";
import { brokerVersion } from "../broker-version.ts";
import { planCheckouts } from "../customers/checkout-plan.ts";
import { acknowledgedOrders, compareVenue, openVenue, startCrowd } from "../customers/crowd.ts";
import { count } from "../customers/shopper.ts";
import { startJudgeThread } from "../judge/judge-thread.ts";
import { startStormJudge } from "../judge/storm-judge.ts";
import { seedFrom, wholeNumberFrom } from "../random.ts";
import { carryOutKills } from "./carry-out-kills.ts";
import { type KillCounts, planKills } from "./kill-plan.ts";

/** What is done to a shop. */
export interface CampaignOptions {
  readonly system: NativeSystem;
  readonly seed: number;
  readonly checkouts: number;
  readonly kills: KillCounts;
  /** Shoppers at a time. */
  readonly concurrency: number;
  /** Told now and then how far it is. */
  readonly report?: (line: string) => void;
}

/** What came of it. */
export interface CampaignResult {
  /** What is not as it must be, in words; the first of it, where there is much. */
  readonly problems: readonly string[];
  /** Lines of figures, to print. */
  readonly figures: readonly string[];
  /** From the moment the last killed part was ready again until all books agreed, ms. I1 gives it a bound. */
  readonly settledMs: number;
}

/** The seed and the numbers of a campaign: what the environment says, and what is usual where it says nothing. */
export function campaignNumbers(
  env: Readonly<Record<string, string | undefined>>,
  usual: { readonly checkouts: number; readonly kills: KillCounts },
): Pick<CampaignOptions, "seed" | "checkouts" | "kills" | "concurrency"> {
  return {
    seed: seedFrom(env),
    checkouts: wholeNumberFrom(env, "CHECKOUTS", usual.checkouts),
    concurrency: wholeNumberFrom(env, "SHOPPERS", 32),
    kills: {
      perService: wholeNumberFrom(env, "SERVICE_KILLS", usual.kills.perService),
      gateway: wholeNumberFrom(env, "GATEWAY_KILLS", usual.kills.gateway),
      broker: wholeNumberFrom(env, "BROKER_KILLS", usual.kills.broker),
      freezes: wholeNumberFrom(env, "FREEZES", usual.kills.freezes),
    },
  };
}

/** Pieces of a scarce product for each hundred checkouts: fewer than are asked for. */
const scarcePiecesPerHundred = 1;
/** Of the kills, so many may come when the last customer has left: what they hit takes its time to be ready for the next. */
const lateShareMax = 0.1;
const reportIntervalMs = 60_000;
const problemsShownMax = 20;

/**
 * Runs checkouts of every kind while parts of the shop are killed, both by a plan that follows from the seed. Then compares
 * what was acknowledged with what the shop shows, and its books with each other. Real time decides which moment a kill
 * hits, so the same seed does the same, but does not hit the same.
 */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { system, seed, checkouts, kills, concurrency, report = () => {} } = options;
  const startTime = performance.now();
  const venue = await openVenue(system, Math.ceil((checkouts / 100) * scarcePiecesPerHundred));
  const crowd = startCrowd(venue, planCheckouts(seed, checkouts), { atATime: concurrency });
  const thread = startJudgeThread();
  const acknowledged = () => acknowledgedOrders(venue);
  const judge = startStormJudge({ thread, dataDir: system.dataDir, acknowledged });
  let isOver = false;
  const steps = planKills(seed, kills, checkouts);
  const killing = carryOutKills({
    system,
    thread,
    steps,
    progress: crowd.acknowledged,
    isOver: () => isOver,
  });
  const reporting = setInterval(() => {
    const spent = seconds(performance.now() - startTime);
    report(`${spent}: ${crowd.acknowledged()} orders acknowledged; killed ${told(killing.kills)}`);
  }, reportIntervalMs);
  await crowd.done;
  clearInterval(reporting);
  isOver = true;
  await killing.done;
  await judge.stop();
  await thread.end();
  const booksProblems = async (): Promise<string[]> => {
    const error = await assertBooksAgree(system, { acknowledged: acknowledged() }).catch((caught: Error) => caught);
    return error instanceof Error ? [error.message] : [];
  };
  const problems = await booksProblems();
  const settledMs = performance.now() - killing.lastRecoveryTime();
  problems.push(
    ...judge.problems,
    ...crowd.problems,
    ...killing.problems,
    ...(await compareVenue(venue)),
    ...(await booksProblems()),
  );
  if (killing.lateSteps() > lateShareMax * steps.length)
    problems.push(`${killing.lateSteps()} steps found nobody shopping`);
  if (crowd.checkouts.length !== checkouts) problems.push(`${crowd.checkouts.length} of ${checkouts} checkouts began`);

  const { encounters } = crowd;
  const recoveries = [...killing.recoveriesMs].sort((a, b) => a - b);
  const [asked] = await system.query<{ again: number }>(
    "test-provider",
    "SELECT count(*) AS again FROM calls WHERE count > 1",
  );
  const middle = recoveries[Math.floor(recoveries.length / 2)];
  return {
    problems: problems.slice(0, problemsShownMax),
    settledMs,
    figures: [
      `seed ${seed}: ${checkouts} checkouts in ${seconds(performance.now() - startTime)}, ${concurrency} at a time`,
      `kills: ${told(killing.kills)}, on RabbitMQ ${brokerVersion(system)}`,
      `frozen for up to 14 s: ${told(killing.freezes)}`,
      `ready again after ${seconds(middle)} (median), ${seconds(recoveries.at(-1))} (longest)`,
      `checkouts: ${told(countsOf(crowd.checkouts.map(({ plan }) => plan.name)))}`,
      `ends: ${told(countsOf(crowd.checkouts.map(({ end = "not seen to end" }) => end)))}`,
      `cancelled in: ${told(encounters.cancelledIn)}`,
      `sent again because nobody answered: ${told(encounters.retries)}; slowest call ${seconds(encounters.slowestCallMs)}`,
      `repeated on purpose and answered with the same: ${encounters.duplicates}, then all once more`,
      `messages that came again and were recognised: ${killing.duplicates()} at least`,
      `payments and refunds of which the provider was asked again: ${asked?.again}`,
      `kills and freezes that found nobody shopping any more: ${killing.lateSteps()}`,
      `everything read and judged ${judge.readings()} times meanwhile, each file after each kill`,
      `all settled and in agreement ${seconds(settledMs)} after the last part was ready again`,
      `problems: ${problems.length}`,
    ],
  };
}

/** A number of each, as in "2 envoy, 3 order-svc". */
export function told(counts: ReadonlyMap<string, number>): string {
  const entries = [...counts].sort(([a], [b]) => a.localeCompare(b));
  return entries.length === 0 ? "none" : entries.map(([what, number]) => `${number} ${what}`).join(", ");
}

function countsOf(things: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const thing of things) count(counts, thing);
  return counts;
}

const seconds = (ms = Number.NaN) => `${(ms / 1000).toFixed(1)} s`;
