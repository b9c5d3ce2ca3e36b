import assert from "node:assert/strict";
import { queueOf } from "@quartet/chassis/events/catalog";
import { eventually } from "@quartet/chassis/testing/eventually";
import { assertBooksAgree } from "../../../tools/audit/assert-books-agree.ts";
import type { AuditSource } from "../../../tools/audit/finding.ts";
import { waitMaxDefaultMs } from "../../../tools/audit/judge.ts";
import { queueDepths } from "../../../tools/audit/queue-depths.ts";
import type { ServiceName } from "../../../tools/stack/stack-config.ts";
import type { FaultShop } from "../fault-shop.ts";
import type { StormJudge } from "../judge/storm-judge.ts";
import { deathsIn, placeOf } from "./deaths.ts";
import type { Flow } from "./order-flows.ts";
import { madeUpAggregate } from "./own-cases.ts";

/** A service that is to die, where, and what makes it get there. */
export interface FailPointCase {
  readonly service: ServiceName;
  /** The fail point of one start after the other: it dies at each. */
  readonly deaths: readonly [string, ...string[]];
  /** What happens meanwhile. */
  readonly flow?: Flow;
  /** Added to the environment of these starts and of the one after. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it is told to stop, so that it dies on the way. */
  readonly isStopped?: boolean;
  /** Done before it is stopped for its first start, while it is down for that, and while it is down afterwards. */
  readonly prepare?: (shop: FaultShop) => Promise<void>;
  readonly whileDown?: (shop: FaultShop) => void;
  readonly afterwards?: (shop: FaultShop) => void;
}

const deathTimeoutMs = 60_000;

/** How a case is named in tests and reports. */
export function describeCase({ service, deaths }: FailPointCase): string {
  return `${service} at ${deaths.join(", then ")}`;
}

/**
 * Lets one service of each case die where it says, and asserts that each died there, by SIGKILL, and by nothing else; that
 * what customers do ends as it must; that the databases of the dead are sound; and that within 30 s all books agree.
 * Resolves with how often a service died and how long the books took.
 */
export async function runRound(shop: FaultShop, cases: readonly FailPointCase[]) {
  const { system } = shop;
  const { stack } = system;
  await Promise.all(cases.map(({ prepare }) => prepare?.(shop)));
  await Promise.all(
    cases.map(async ({ service, whileDown }) => {
      await stack.stop(service);
      whileDown?.(shop);
    }),
  );
  const startTime = new Date().toISOString();
  const restartsBefore = cases.map(({ service }) => statusOf(shop, service).restarts);
  for (const { service, deaths, env = {} } of cases) {
    stack.start(service, ...deaths.map((death) => ({ ...env, FAIL_POINT: death })), env);
  }
  const flows = [...new Set(cases.flatMap(({ flow }) => flow ?? []))];
  const flowing = Promise.all(flows.map((flow) => flow(shop)));
  const stopping = cases.filter(({ isStopped }) => isStopped).map(({ service }) => stopOnceReady(shop, service));
  const dying = cases.map((dead) =>
    eventually(describeCase(dead), () => deathsOf(shop, dead, startTime).length >= dead.deaths.length, deathTimeoutMs),
  );
  await Promise.all([flowing, ...stopping, ...dying]);
  const endTime = performance.now();
  await stack.ready({ names: cases.map(({ service }) => service) });
  cases.forEach((dead, index) => {
    const { restarts, lastExit } = statusOf(shop, dead.service);
    const found = deathsOf(shop, dead, startTime).map(placeOf);
    assert.deepEqual(found, dead.deaths.map(placeOf), `${dead.service} died elsewhere`);
    assert.equal(lastExit, "SIGKILL", `${dead.service} ended by itself`);
    assert.equal(restarts - (restartsBefore[index] ?? 0), dead.deaths.length, `${dead.service} died unasked`);
  });
  for (const { service, afterwards } of cases) {
    if (afterwards === undefined) continue;
    await stopWithEmptyQueue(shop, service);
    afterwards(shop);
    stack.start(service);
  }
  for (const { service } of cases) await assertSound(shop, service);
  await assertBooksAgree(system);
  const convergenceMs = performance.now() - endTime;
  assert.ok(convergenceMs <= waitMaxDefaultMs, `the books took ${Math.round(convergenceMs)} ms`);
  return { deaths: cases.reduce((sum, { deaths }) => sum + deaths.length, 0), convergenceMs };
}

/** Asserts that what must hold at every read held at each, but for what {@link madeUpAggregate} says of nothing. */
export async function assertHeldMeanwhile(judge: StormJudge): Promise<void> {
  await judge.stop();
  const problems = [...judge.problems].filter((problem) => !problem.includes(madeUpAggregate));
  assert.deepEqual(problems, [], `read ${judge.readings()} times`);
}

async function stopOnceReady({ system: { stack } }: FaultShop, service: ServiceName): Promise<void> {
  await stack.ready({ names: [service] });
  // What ends is started again, unlike by stack.stop().
  stack.kill(service, "SIGTERM");
}

/**
 * Stops a service when the broker has nothing more for it, not even what died before it was acknowledged. It serves before
 * it has found the broker, and a stop waits only for what it was given.
 */
async function stopWithEmptyQueue({ system: { stack } }: FaultShop, service: ServiceName): Promise<void> {
  const isEmpty = async () => {
    const depths = await queueDepths(stack.urls.amqp);
    return depths.every(({ queue, messages }) => queue !== queueOf(service) || messages === 0);
  };
  const isTaken = async () => {
    const response = await fetch(`${stack.urls.http[service]}/readyz`).catch(() => undefined);
    const { broker } = ((await response?.json()) ?? {}) as { broker?: string };
    return broker === "connected" && (await isEmpty());
  };
  const isOver = async () => {
    await eventually(`${service} has taken what is in its queue`, isTaken, waitMaxDefaultMs);
    await stack.stop(service);
    if (await isEmpty()) return true;
    stack.start(service);
    return false;
  };
  await eventually(`the queue of ${service} is empty`, isOver, waitMaxDefaultMs);
}

function statusOf({ system }: FaultShop, service: ServiceName) {
  const status = system.stack.status().find(({ name }) => name === service);
  assert.ok(status !== undefined);
  return status;
}

function deathsOf({ system }: FaultShop, { service }: FailPointCase, startTime: string) {
  return deathsIn(system.stack.logs(service)).filter(({ time }) => time >= startTime);
}

async function assertSound({ system }: FaultShop, service: ServiceName): Promise<void> {
  const sources: readonly AuditSource[] = service === "payment-svc" ? [service, "test-provider"] : [service];
  for (const source of sources) {
    const integrity = await system.query<{ integrity_check: string }>(source, "PRAGMA integrity_check");
    assert.deepEqual(integrity, [{ integrity_check: "ok" }]);
    assert.deepEqual(await system.query(source, "PRAGMA foreign_key_check"), []);
  }
}
