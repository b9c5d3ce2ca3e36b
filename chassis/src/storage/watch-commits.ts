import prom from "prom-client";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Database } from "./database.ts";

const bucketsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** A service does nothing else while it commits: callers notice this much. */
const slowMs = 1_000;

/** Measures how long the disk takes for each COMMIT in `database_commit_duration_seconds`, and warns of those over a second. */
export function watchCommits(options: {
  readonly database: Pick<Database, "onCommit">;
  readonly log: Pick<Logger, "warn">;
  readonly metrics: Metrics;
}): void {
  const durations = new prom.Histogram({
    name: "database_commit_duration_seconds",
    help: "Time that COMMIT took, with the wait for the disk.",
    buckets: bucketsSeconds,
    registers: [options.metrics.registry],
  });
  options.database.onCommit(({ durationMs }) => {
    durations.observe(durationMs / 1000);
    if (durationMs > slowMs) options.log.warn({ duration_ms: Math.round(durationMs) }, "the disk took long to commit");
  });
}
