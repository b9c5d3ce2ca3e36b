import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { DaemonPlan } from "./daemon.ts";
import { prepareGateway, whyGatewayRefuses } from "./gateway-process.ts";
import { whyNotLoaded } from "./loads.ts";
import { lastLogLines, logLength } from "./log-tail.ts";
import { isPartReady } from "./part-ready.ts";
import { waitUntil } from "./ready.ts";
import { askSupervisor } from "./requests.ts";
import { isAlive, type ProcessStatus, type RunState, readRunState } from "./run-state.ts";
import { type ServiceName, type StackConfig, serviceNames } from "./stack-config.ts";
import { StackError } from "./stack-error.ts";

const readyTimeoutMs = 60_000;
const pollIntervalMs = 50;

/** The state of the running native stack. Throws a StackError when nothing runs. */
export function runningStack(config: Pick<StackConfig, "dataDir">): RunState {
  const state = readRunState(config.dataDir);
  if (state === undefined || !isAlive(state.supervisor)) throw new StackError("Quartet is not running: make up");
  return state;
}

/** The status of one part of a running stack. Throws a StackError that names the parts when it is none of them. */
export function namedPart(state: RunState, part: string | undefined): ProcessStatus {
  const found = state.processes.find(({ name }) => name === part);
  if (found !== undefined) return found;
  const names = state.processes.map(({ name }) => name).join(", ");
  throw new StackError(
    part === undefined
      ? `Say which part with SVC=: ${names}.`
      : `There is no part "${part}": SVC= takes one of ${names}.`,
  );
}

/**
 * Puts one part with the current code and configuration in the place of the running one, and resolves when it is ready and
 * the old one is gone. Code that cannot be loaded, or does not get as far as to listen, stops nothing: the part goes on as
 * it was. Throws a StackError that says so, with the last lines of the log. A part that did not run and ends at once is
 * tried again by the supervisor, unless it is to be held.
 */
export async function redeploy(
  config: Pick<StackConfig, "dataDir">,
  part: string | undefined,
  { holdFailed = false } = {},
): Promise<void> {
  const state = runningStack(config);
  const before = namedPart(state, part);
  const { name } = before;
  await prepare(state.config, name);

  const logFile = join(state.config.dataDir, "logs", `${name}.log`);
  const logged = logLength(logFile);
  const askedTime = Date.now();
  askSupervisor(config.dataDir, { action: "replace", part: name });
  let first: ProcessStatus | undefined;
  const outcome = await settled(async () => {
    const now = readRunState(config.dataDir)?.processes.find((process) => process.name === name);
    if (now === undefined) return undefined;
    if ((now.refused?.time ?? 0) >= askedTime) return { isReady: false, ended: now.refused?.how, goesOn: true };
    if ((now.startTime ?? 0) >= askedTime) first ??= now;
    if (first === undefined) return undefined;
    if (now.pid !== first.pid) return { isReady: false, ended: now.lastExit, goesOn: false };
    return !isAlive(before) && (await isPartReady(state.config, now)) ? { isReady: true } : undefined;
  });
  if (outcome?.isReady) return;
  const lines = `Its last lines:\n${lastLogLines(logFile, logged)}`;
  if (outcome === undefined) {
    throw new StackError(`${name} is not ready ${readyTimeoutMs / 1000} s after its restart. ${lines}`);
  }
  const how = typeof outcome.ended === "number" ? `ended with ${outcome.ended}` : "did not get ready";
  if (outcome.goesOn) {
    throw new StackError(`${name} still runs as it was, because its new code does not start: it ${how}. ${lines}`);
  }
  if (holdFailed) askSupervisor(config.dataDir, { action: "stop", part: name });
  throw new StackError(
    `${name} does not start: it ${how}${holdFailed ? "" : ", and is tried again and again"}. ${lines}`,
  );
}

interface Outcome {
  readonly isReady: boolean;
  readonly ended?: number | NodeJS.Signals;
  /** Whether the process from before is still there. */
  readonly goesOn?: boolean;
}

/** Polls until there is an outcome; undefined when there is none in time. */
async function settled(look: () => Promise<Outcome | undefined>): Promise<Outcome | undefined> {
  let outcome: Outcome | undefined;
  await waitUntil(
    async () => {
      outcome = await look();
      return outcome !== undefined;
    },
    readyTimeoutMs,
    pollIntervalMs,
  );
  return outcome;
}

/** Looks whether the new code or configuration can be used, before anything is stopped for it. */
async function prepare(config: StackConfig, name: string): Promise<void> {
  if (name === "envoy") {
    const { envoy } = JSON.parse(readFileSync(join(config.dataDir, "run", "plan.json"), "utf8")) as DaemonPlan;
    const options = { ...config, binary: envoy, logsDir: join(config.dataDir, "logs") };
    const why = await whyGatewayRefuses(options);
    if (why !== undefined)
      throw new StackError(`envoy still runs as it was, because its new configuration fails:\n${why}`);
    prepareGateway(options);
  }
  if (!serviceNames.includes(name as ServiceName)) return;
  const why = await whyNotLoaded(config, name as ServiceName);
  if (why !== undefined)
    throw new StackError(`${name} still runs as it was, because its new code cannot be loaded:\n${why}`);
}
