import { type ChildProcess, fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Outcome } from "./simulate.ts";

/** Seeds to simulate: `count` of them from `first` on. */
export interface Campaign {
  readonly first: number;
  readonly count: number;
  readonly checkouts: number;
}

/** What a campaign came to. */
export interface CampaignResult {
  readonly seeds: number;
  /** Those in which something happened that must not. */
  readonly failed: readonly Outcome[];
  readonly orders: number;
  readonly steps: number;
  /** Longest time from the end of all trouble until everything was at rest, ms of the world. */
  readonly settleMaxMs: number;
  readonly trouble: ReadonlyMap<string, number>;
  readonly seconds: number;
  /** What the histories are named by, of each seed. */
  readonly hashes: ReadonlyMap<number, string>;
}

/** What a worker is sent: the next seed. It answers with its outcome. */
export interface Assignment {
  readonly seed: number;
  readonly checkouts: number;
}

const worker = join(import.meta.dirname, "campaign-worker.ts");
const failedMax = 10;

/** Simulates seeds in as many processes as there are processors, and gives up early when many fail. */
export async function runCampaign({ first, count, checkouts }: Campaign): Promise<CampaignResult> {
  const startTime = performance.now();
  const failed: Outcome[] = [];
  const trouble = new Map<string, number>();
  const hashes = new Map<number, string>();
  let [next, seeds, orders, steps, settleMaxMs] = [first, 0, 0, 0, 0];

  const take = (outcome: Outcome): void => {
    seeds += 1;
    hashes.set(outcome.seed, outcome.hash);
    orders += outcome.orders;
    steps += outcome.steps;
    settleMaxMs = Math.max(settleMaxMs, outcome.settleMs);
    for (const [what, times] of Object.entries(outcome.trouble)) trouble.set(what, (trouble.get(what) ?? 0) + times);
    if (outcome.violations.length > 0) failed.push(outcome);
  };
  const assign = (child: ChildProcess): void => {
    if (next >= first + count || failed.length >= failedMax) child.disconnect();
    else child.send({ seed: next++, checkouts } satisfies Assignment);
  };
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const child = fork(worker, { execArgv: ["--conditions=source"] });
      child.on("message", (outcome: Outcome) => {
        take(outcome);
        assign(child);
      });
      child.on("error", reject);
      child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))));
      assign(child);
    });

  await Promise.all(Array.from({ length: Math.min(availableParallelism(), count) }, work));
  failed.sort((one, other) => one.seed - other.seed);
  const seconds = (performance.now() - startTime) / 1000;
  return { seeds, failed, orders, steps, settleMaxMs, trouble, seconds, hashes };
}

/** What happened in a seed that failed, and the command that makes it happen again. */
export function describeFailure({ seed, checkouts, violations, tail }: Outcome): string {
  return [
    `seed ${seed} of ${checkouts} checkouts:`,
    ...tail,
    ...violations,
    `again: SEED=${seed} CHECKOUTS=${checkouts} make test TESTS=tests/simulation/simulation.test.ts`,
  ].join("\n  ");
}

/** A campaign in one line. */
export function summarize({ seeds, failed, orders, steps, settleMaxMs, trouble, seconds }: CampaignResult): string {
  const wrong = [...trouble].sort().map(([what, times]) => `${times} ${what}`);
  const speed = `${seconds.toFixed(0)} s, ${(seeds / seconds).toFixed(1)} seeds a second`;
  const rest = `at rest after ${(settleMaxMs / 1000).toFixed(1)} s at most`;
  return `${seeds} seeds, ${failed.length} failed; ${orders} orders, ${wrong.join(", ")}, ${steps} steps, ${rest}; ${speed}`;
}
