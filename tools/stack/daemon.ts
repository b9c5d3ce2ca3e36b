import { readFileSync } from "node:fs";
import type { RabbitTools } from "./rabbitmq.ts";
import { takeRequests } from "./requests.ts";
import { isAlive, removeRunState, startTicksOf, writeRunState } from "./run-state.ts";
import { type Stack, startStack } from "./stack.ts";
import type { StackConfig } from "./stack-config.ts";
import { StackError } from "./stack-error.ts";

/** What `make up` hands to the process that stays. */
export interface DaemonPlan {
  readonly config: StackConfig;
  readonly envoy: string;
  readonly rabbit: RabbitTools | undefined;
}

const plan = JSON.parse(readFileSync(process.argv[2] as string, "utf8")) as DaemonPlan;
const { config } = plan;
const self = { name: "supervisor", pid: process.pid, startTicks: startTicksOf(process.pid) };

let stack: Stack | undefined;
let isEnding = false;
/** Requests for the same part are acted on one after the other. */
const underWay = new Map<string, Promise<void>>();

function record(): void {
  if (stack === undefined) return;
  try {
    writeRunState(config.dataDir, { supervisor: self, config, processes: stack.status() });
  } catch (error) {
    // A full disk, say: whoever keeps the services running has to live on. What changes next is written with this.
    console.error(`cannot write what runs: ${error}`);
  }
}

function actOnRequests(): void {
  if (stack === undefined) return;
  const { stop, start, replace } = stack;
  for (const { action, part } of takeRequests(config.dataDir)) {
    const act = async () => {
      if (isEnding) return;
      if (action === "replace") await replace(part);
      else if (action === "stop") await stop(part);
      else start(part);
    };
    const acted = (underWay.get(part) ?? Promise.resolve()).then(act);
    underWay.set(
      part,
      acted.catch((error: unknown) => console.error(error instanceof StackError ? error.message : error)),
    );
  }
}

process.on("SIGHUP", () => {});
process.on("SIGUSR2", actOnRequests);
takeRequests(config.dataDir); // What was asked of an earlier supervisor is over.
writeRunState(config.dataDir, { supervisor: self, config, processes: [] });
try {
  stack = await startStack({ ...config, envoy: plan.envoy, rabbit: plan.rabbit, onChange: record });
} catch (error) {
  if (!(error instanceof StackError)) throw error;
  console.error(error.message);
  process.exit(1);
}
record();
actOnRequests();

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, async () => {
    if (isEnding || stack === undefined) return;
    isEnding = true;
    await stack.down();
    if (stack.status().every((status) => !isAlive(status))) removeRunState(config.dataDir);
    process.exit(0);
  });
}
