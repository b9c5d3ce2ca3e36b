import { spawn } from "node:child_process";
import { mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DaemonPlan } from "./daemon.ts";
import { down } from "./down.ts";
import { provideEnvoy } from "./envoy.ts";
import { unreachedServices } from "./gateway-reaches.ts";
import { lastLogLines } from "./log-tail.ts";
import { isPartReady } from "./part-ready.ts";
import { checkPortsFree } from "./ports.ts";
import { provideRabbit } from "./rabbitmq.ts";
import { brokerAnswers, waitUntil } from "./ready.ts";
import { askSupervisor } from "./requests.ts";
import { isAlive, type ProcessStatus, type RunState, readRunState } from "./run-state.ts";
import { namedPorts, type StackConfig } from "./stack-config.ts";
import { StackError } from "./stack-error.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const readyTimeoutMs = 120_000;
/** A part that ended this often before it was ready once will not become ready by waiting. */
const restartsMax = 4;

/** Starts what is missing of the native stack and resolves when calls through the gateway reach every service. */
export async function up(config: StackConfig, env: Environment, report: (line: string) => void): Promise<void> {
  const { dataDir } = config;
  const running = readRunState(dataDir);
  const isRunning = running !== undefined && isAlive(running.supervisor);
  if (isRunning) {
    if (JSON.stringify(running.config) !== JSON.stringify(config)) {
      throw new StackError("Quartet is running with other settings: `make down` first.");
    }
    report("Quartet is running already");
    for (const { name, state } of running.processes) {
      if (state === "stopped") askSupervisor(dataDir, { action: "start", part: name });
    }
  } else {
    if (running !== undefined) await down(dataDir, report);
    await launch(config, env, report);
  }
  await waitForAll(config, report, isRunning ? running : undefined);
}

async function launch(config: StackConfig, env: Environment, report: (line: string) => void): Promise<void> {
  const { dataDir, rootDir } = config;
  const rabbit = config.amqpUrl === undefined ? await provideRabbit(env, report) : undefined;
  if (config.amqpUrl !== undefined && !(await brokerAnswers(config.amqpUrl))) {
    throw new StackError(
      `No RabbitMQ answers at AMQP_URL (${new URL(config.amqpUrl).host}): start it or correct the address.`,
    );
  }
  const envoy = await provideEnvoy(env, rootDir, report);
  await checkPortsFree(namedPorts(config));

  const logsDir = join(dataDir, "logs");
  mkdirSync(join(dataDir, "run"), { recursive: true });
  mkdirSync(logsDir, { recursive: true });
  const planFile = join(dataDir, "run", "plan.json");
  const plan: DaemonPlan = { config, envoy, rabbit };
  writeFileSync(planFile, JSON.stringify(plan), { mode: 0o600 });
  const log = openSync(join(logsDir, "supervisor.log"), "w");
  const daemon = spawn(process.execPath, ["--conditions=source", join(import.meta.dirname, "daemon.ts"), planFile], {
    cwd: rootDir,
    env: { ...env },
    stdio: ["ignore", log, log],
    detached: true,
  });
  daemon.unref();
  const started = await waitUntil(
    () => daemon.exitCode !== null || (readRunState(dataDir)?.processes.length ?? 0) > 0,
    20_000,
  );
  if (started && daemon.exitCode === null) return;
  throw new StackError(`The supervisor did not start:\n${lastLogLines(join(logsDir, "supervisor.log"))}`);
}

/** Stops everything that does not become ready, but what ran already `before`. */
async function waitForAll(config: StackConfig, report: (line: string) => void, before?: RunState): Promise<void> {
  const ready = new Set<string>();
  const restartsBefore = new Map(before?.processes.map(({ name, restarts }) => [name, restarts]));
  let failed: ProcessStatus | undefined;
  let state: RunState | undefined;
  const isUp = await waitUntil(async () => {
    state = readRunState(config.dataDir);
    if (state === undefined) return true;
    for (const status of state.processes) {
      if (ready.has(status.name)) continue;
      if (await isPartReady(config, status)) {
        ready.add(status.name);
        report(`  ready: ${status.name}`);
      } else if (status.restarts - (restartsBefore.get(status.name) ?? 0) >= restartsMax) {
        failed = status;
        return true;
      }
    }
    return ready.size === state.processes.length && (await unreachedServices(config.ports)).length === 0;
  }, readyTimeoutMs);
  if (isUp && failed === undefined && state !== undefined) return;
  const notReady = state?.processes.filter(({ name }) => !ready.has(name)).map(({ name }) => name) ?? [];
  const missing = notReady.length > 0 ? notReady : ["envoy"];
  const named = failed?.name ?? missing[0];
  const log = named === undefined ? "" : `\n${lastLogLines(join(config.dataDir, "logs", `${named}.log`))}`;
  if (before === undefined) await down(config.dataDir, () => {});
  const outcome = before === undefined ? "so everything was stopped again" : "and the others are left as they are";
  throw new StackError(
    failed === undefined
      ? `Not ready after ${readyTimeoutMs / 1000} s, ${outcome}: ${missing.join(", ")}. The last lines of ${named}:${log}`
      : `${failed.name} ends again and again, ${outcome}. Its last lines:${log}`,
  );
}
