import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { databaseFile } from "../../../tools/audit/database-file.ts";
import type { AuditSource } from "../../../tools/audit/finding.ts";
import { waitUntil } from "../../../tools/stack/ready.ts";
import { type ServiceName, serviceNames } from "../../../tools/stack/stack-config.ts";
import type { NativeSystem } from "../../e2e/native-system.ts";
import type { PartName } from "../../e2e/system.ts";
import type { JudgeThread } from "../judge/judge-thread.ts";
import type { KillStep } from "./kill-plan.ts";

/** What the kills did. */
export interface Killing {
  /** How often each part was ended by SIGKILL. */
  readonly kills: ReadonlyMap<PartName, number>;
  /** How often each part was frozen. */
  readonly freezes: ReadonlyMap<PartName, number>;
  /** Messages that services had before and recognised, as far as their last metrics before each kill tell. */
  readonly duplicates: () => number;
  /** How many steps came when all checkouts had ended. */
  readonly lateSteps: () => number;
  /** How long each took from its start to being ready, ms. */
  readonly recoveriesMs: readonly number[];
  /** Files that were broken after a kill, and parts that ended by themselves. */
  readonly problems: readonly string[];
  /** Resolves when all kills are done, every part is ready again and all files are checked. */
  readonly done: Promise<void>;
  /** When the last part was ready again, by performance.now(). */
  readonly lastRecoveryTime: () => number;
}

const progressTimeoutMs = 300_000;
const progressIntervalMs = 10;
const readyTimeoutMs = 120_000;
const readyIntervalMs = 100;
const metricsTimeoutMs = 500;

/**
 * Carries out a plan of kills. `progress` says how many checkouts are acknowledged. After each kill of a service its
 * database is copied as it was left and checked; the service starts again at once.
 */
export function carryOutKills(options: {
  system: NativeSystem;
  thread: JudgeThread;
  steps: readonly KillStep[];
  progress: () => number;
  isOver: () => boolean;
}): Killing {
  const { system, thread, steps, progress, isOver } = options;
  const { stack } = system;
  const kills = new Map<PartName, number>();
  const freezes = new Map<PartName, number>();
  let [duplicates, lateSteps] = [0, 0];
  const recoveriesMs: number[] = [];
  const problems: string[] = [];
  const readiness = new Map<PartName, Promise<void>>();
  const checks = new Set<Promise<void>>();
  let lastRecoveryTime = performance.now();

  /** From now on the part has to become ready. */
  const awaitReady = (part: PartName) => {
    const startTime = performance.now();
    const whenReady = async () => {
      // Killed again meanwhile: the next start waits for itself.
      const isReady = () => readiness.get(part) !== own || stack.isReady(part);
      if (!(await waitUntil(isReady, readyTimeoutMs, readyIntervalMs))) problems.push(`${part} did not become ready`);
      if (readiness.get(part) !== own) return;
      lastRecoveryTime = performance.now();
      recoveriesMs.push(lastRecoveryTime - startTime);
    };
    const own: Promise<void> = Promise.resolve().then(whenReady);
    readiness.set(part, own);
    return own;
  };

  const countDuplicates = async (service: ServiceName) => {
    duplicates += await duplicatesOf(stack.urls.http[service]).catch(() => 0);
  };

  const kill = async (part: PartName) => {
    if (isService(part)) await countDuplicates(part);
    await stack.stop(part, "SIGKILL");
    const { lastExit, restarts } = stack.status().find(({ name }) => name === part) ?? {};
    if (lastExit === "SIGKILL") kills.set(part, (kills.get(part) ?? 0) + 1);
    if (lastExit !== "SIGKILL" || restarts !== 0) problems.push(`${part} ended by itself: ${lastExit}, ${restarts}`);
    if (isService(part)) check(part);
    stack.start(part);
    void awaitReady(part);
  };

  const freeze = (part: PartName, frozenMs: number) => {
    const whenOver = async () => {
      stack.kill(part, "SIGSTOP");
      freezes.set(part, (freezes.get(part) ?? 0) + 1);
      await delay(frozenMs);
      stack.kill(part, "SIGCONT");
      await awaitReady(part);
    };
    readiness.set(part, whenOver());
  };

  const check = (service: ServiceName) => {
    const sources: readonly AuditSource[] = service === "payment-svc" ? [service, "test-provider"] : [service];
    for (const source of sources) {
      const file = databaseFile(system.dataDir, source);
      const folder = mkdtempSync(join(tmpdir(), "quartet-killed-"));
      const copy = join(folder, basename(file));
      // The log first: whoever reads the file at this moment may be moving what is in the log into it.
      for (const end of ["-wal", ""]) if (existsSync(file + end)) copyFileSync(file + end, copy + end);
      const checked: Promise<void> = thread
        .ask({ kind: "file", source, file: copy })
        .then((faults) => {
          problems.push(...faults);
        })
        .finally(() => {
          rmSync(folder, { recursive: true, force: true });
          checks.delete(checked);
        });
      checks.add(checked);
    }
  };

  const carryOut = async () => {
    for (const { afterCheckouts, delayMs, parts, againMs, frozenMs } of steps) {
      const isDue = () => isOver() || progress() >= afterCheckouts;
      if (!(await waitUntil(isDue, progressTimeoutMs, progressIntervalMs))) {
        problems.push(`no progress: ${progress()} checkouts acknowledged, ${afterCheckouts} awaited`);
      }
      await Promise.all(parts.map((part) => readiness.get(part)));
      await delay(delayMs);
      if (isOver()) lateSteps += 1;
      if (frozenMs !== undefined) {
        for (const part of parts) freeze(part, frozenMs);
        continue;
      }
      await Promise.all(parts.map(kill));
      const [first] = parts;
      if (againMs === undefined || first === undefined) continue;
      await delay(againMs);
      await kill(first);
    }
    await Promise.all(readiness.values());
    await Promise.all(checks);
    await Promise.all(serviceNames.map(countDuplicates));
  };

  return {
    kills,
    freezes,
    duplicates: () => duplicates,
    lateSteps: () => lateSteps,
    recoveriesMs,
    problems,
    done: carryOut(),
    lastRecoveryTime: () => lastRecoveryTime,
  };
}

async function duplicatesOf(httpUrl: string): Promise<number> {
  const metrics = await fetch(`${httpUrl}/metrics`, { signal: AbortSignal.timeout(metricsTimeoutMs) });
  const lines = (await metrics.text()).split("\n").filter((line) => line.startsWith("inbox_messages_total"));
  return lines
    .filter((line) => line.includes('result="duplicate"'))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

function isService(part: PartName): part is ServiceName {
  return serviceNames.includes(part as ServiceName);
}
