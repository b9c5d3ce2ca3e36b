import { readFileSync } from "node:fs";
import type { RabbitTools } from "./rabbitmq.ts";
import { isAlive, removeRunState, startTicksOf, writeRunState } from "./run-state.ts";
import { startStack } from "./stack.ts";
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

const record = () => {
  if (stack === undefined) return;
  writeRunState(config.dataDir, { supervisor: self, config, processes: stack.status() });
};
let stack: Awaited<ReturnType<typeof startStack>> | undefined;
writeRunState(config.dataDir, { supervisor: self, config, processes: [] });
try {
  stack = await startStack({ ...config, envoy: plan.envoy, rabbit: plan.rabbit, onChange: record });
} catch (error) {
  if (!(error instanceof StackError)) throw error;
  console.error(error.message);
  process.exit(1);
}
record();

let isEnding = false;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, async () => {
    if (isEnding) return;
    isEnding = true;
    await stack.down();
    if (stack.status().every((status) => !isAlive(status))) removeRunState(config.dataDir);
    process.exit(0);
  });
}
process.on("SIGHUP", () => {});
