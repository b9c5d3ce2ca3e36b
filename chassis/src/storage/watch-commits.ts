import prom from "prom-client";
import type { Logger } from "../log.ts";
import { durationBucketsSeconds, type Metrics } from "../metrics.ts";
import type { Database } from "./database.ts";

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
    buckets: durationBucketsSeconds,
    registers: [options.metrics.registry],
  });
  options.database.onCommit(({ durationMs }) => {
    durations.observe(durationMs / 1000);
    if (durationMs > slowMs) options.log.warn({ duration_ms: Math.round(durationMs) }, "the disk took long to commit");
  });
}
