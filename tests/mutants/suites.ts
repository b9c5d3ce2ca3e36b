/** Tests that look for lost and doubled work. */
export interface Suite {
  readonly name: string;
  /** Patterns of test files, from the root of the repository. */
  readonly files: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** In the order in which they are tried: the quickest first. */
export const suites: readonly Suite[] = [
  { name: "disorder", files: ["tests/simulation/disorder.test.ts"] },
  { name: "broker", files: ["chassis/src/broker/broker.test.ts"] },
  { name: "poison", files: ["tests/faults/messages/poison.test.ts"] },
  { name: "simulation", files: ["tests/simulation/simulation.test.ts"] },
  { name: "fail points", files: ["tests/faults/fail-points/fail-points.test.ts"] },
  {
    name: "campaign of kills",
    files: ["tests/faults/campaign/campaign.test.ts"],
    env: { CHECKOUTS: "400", SEED: "1" },
  },
  { name: "two processes on one file", files: ["tests/e2e/twins.test.ts"] },
  { name: "outages", files: ["tests/e2e/outages.test.ts"] },
];
