import assert from "node:assert/strict";
import { waitUntil } from "../stack/ready.ts";
import { type AuditOptions, type AuditPort, audit } from "./audit.ts";
import { describeFinding } from "./finding.ts";
import { type AuditReport, unseenQueues, waitMaxDefaultMs } from "./judge.ts";

const lookIntervalMs = 100;

/**
 * Asserts that a system comes to rest within a bound, by I1 30 s, with books that agree: all invariants hold, nothing waits,
 * and everything could be looked at but the queues, where the port has none. Returns the last report.
 */
export async function assertBooksAgree(
  port: AuditPort,
  options: AuditOptions & { readonly timeoutMs?: number } = {},
): Promise<AuditReport> {
  let report: AuditReport | undefined;
  let problems: readonly string[] = [];
  const look = async () => {
    report = await audit(port, options);
    const unseen = report.unseen.filter((what) => what !== unseenQueues || port.queues !== undefined);
    problems = [...report.findings, ...report.waiting].map(describeFinding).concat(unseen);
    return problems.length === 0;
  };
  await waitUntil(look, options.timeoutMs ?? waitMaxDefaultMs, lookIntervalMs);
  assert.deepEqual(problems, []);
  return report as AuditReport;
}

/** Asserts what must hold at this very moment, whatever is under way or down. */
export async function assertNothingBroken(port: AuditPort, options: Omit<AuditOptions, "mode"> = {}): Promise<void> {
  const { findings } = await audit(port, { ...options, mode: "storm" });
  assert.deepEqual(findings.map(describeFinding), []);
}
