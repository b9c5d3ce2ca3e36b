import { spawn } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { seedNative } from "../seed/seed-native.ts";
import { adminFile, resetAdmin } from "./admin-account.ts";
import { provideChromium } from "./chromium.ts";
import { down } from "./down.ts";
import { provideEnvoy } from "./envoy.ts";
import { provideGrpcurl } from "./grpcurl.ts";
import { isPartReady } from "./part-ready.ts";
import { provideRabbit } from "./rabbitmq.ts";
import { waitUntil } from "./ready.ts";
import { isAlive, readRunState } from "./run-state.ts";
import { readStackConfig, type StackConfig, serviceNames } from "./stack-config.ts";
import { StackError } from "./stack-error.ts";
import { up } from "./up.ts";
import { whatToTry } from "./what-to-try.ts";

// `node tools/stack/cli.ts COMMAND [PART]`: the native side of make up, down, status, logs, redeploy, reset, seed, admin.

const redeployTimeoutMs = 60_000;
const rootDir = join(import.meta.dirname, "..", "..");
const report = (line: string) => console.error(line);

const commands: Record<string, (config: StackConfig, part: string | undefined) => Promise<number>> = {
  async up(config) {
    await up(config, process.env, report);
    await seedNative(config, process.env, report);
    console.log(whatToTry(config, "native"));
    return 0;
  },
  async down(config) {
    if (!(await down(config.dataDir, report))) report("Nothing was running.");
    return 0;
  },
  async status(config) {
    const state = readRunState(config.dataDir);
    if (state === undefined || !isAlive(state.supervisor)) {
      console.log("Quartet is not running natively: make up");
      return 1;
    }
    let allReady = true;
    console.log(`${"part".padEnd(14)}${"state".padEnd(12)}${"pid".padEnd(9)}${"restarts".padEnd(10)}running for`);
    for (const status of state.processes) {
      const isReady = await isPartReady(state.config, status);
      allReady &&= isReady;
      const seconds = status.startTime === undefined ? "-" : `${Math.round((Date.now() - status.startTime) / 1000)} s`;
      const shown = isReady ? "ready" : status.state === "running" ? "not ready" : status.state;
      console.log(
        `${status.name.padEnd(14)}${shown.padEnd(12)}${String(status.pid ?? "-").padEnd(9)}${String(status.restarts).padEnd(10)}${seconds}`,
      );
    }
    console.log(`gateway: http://localhost:${state.config.ports.gateway}`);
    return allReady ? 0 : 1;
  },
  async logs(config, part) {
    const folder = join(config.dataDir, "logs");
    const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".log")) : [];
    const chosen = names
      .filter((name) => part === undefined || name === `${part}.log`)
      .map((name) => join(folder, name));
    if (chosen.length === 0) throw new StackError(`There are no logs of ${part ?? "anything"} in ${folder} yet.`);
    const tail = spawn("tail", ["-n", "100", "-F", ...chosen], { stdio: "inherit" });
    return await new Promise((resolve) => tail.once("exit", (code) => resolve(code ?? 0)));
  },
  async redeploy(config, part) {
    const state = readRunState(config.dataDir);
    const before = state?.processes.find(({ name }) => name === part);
    if (state === undefined || !isAlive(state.supervisor)) throw new StackError("Quartet is not running: make up");
    if (before?.pid === undefined) {
      throw new StackError(`Say which part with SVC=: ${state.processes.map(({ name }) => name).join(", ")}.`);
    }
    process.kill(before.pid, "SIGTERM");
    const isBack = await waitUntil(async () => {
      const now = readRunState(config.dataDir)?.processes.find(({ name }) => name === part);
      return now !== undefined && now.pid !== before.pid && (await isPartReady(state.config, now));
    }, redeployTimeoutMs);
    if (!isBack)
      throw new StackError(`${part} is not ready again after ${redeployTimeoutMs / 1000} s: make logs SVC=${part}`);
    report(`${part} runs the current code`);
    return 0;
  },
  async reset(config) {
    await down(config.dataDir, report);
    rmSync(config.dataDir, { recursive: true, force: true });
    report("All data of the native stack is gone: `make up` starts afresh.");
    return 0;
  },
  async seed(config) {
    await seedNative(config, process.env, report);
    return 0;
  },
  async admin(config) {
    const { email, password } = await resetAdmin({ rootDir, dataDir: config.dataDir, env: process.env });
    console.log(`email:    ${email}\npassword: ${password}\n(kept in ${adminFile(config.dataDir)})`);
    return 0;
  },
  /** Fetches what the tests and the stack need, without starting anything. */
  async fetch(config) {
    if (config.amqpUrl === undefined) await provideRabbit(process.env, report);
    await provideEnvoy(process.env, rootDir, report);
    await provideGrpcurl(process.env, rootDir, report);
    await provideChromium(process.env, report);
    return 0;
  },
};

const [command = "", part] = process.argv.slice(2);
const action = commands[command];
if (action === undefined) {
  report(`usage: cli.ts ${Object.keys(commands).join("|")} [${serviceNames.join("|")}|envoy|rabbitmq]`);
  process.exit(2);
}
try {
  process.exitCode = await action(readStackConfig(process.env, rootDir), part || undefined);
} catch (error) {
  if (!(error instanceof StackError)) throw error;
  report(error.message);
  process.exitCode = 1;
}
