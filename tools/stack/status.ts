import { isPartReady } from "./part-ready.ts";
import { isAlive, type ProcessStatus, readRunState } from "./run-state.ts";
import type { StackConfig } from "./stack-config.ts";

/** Prints the state of every part of a native stack. Resolves to 0 when all are ready, else to 1. */
export async function printStatus(config: StackConfig, print: (line: string) => void): Promise<number> {
  const state = readRunState(config.dataDir);
  if (state === undefined || !isAlive(state.supervisor)) {
    print("Quartet is not running natively: make up");
    return 1;
  }
  print(row("part", "state", "pid", "restarts", "running for"));
  const readiness = await Promise.all(state.processes.map((status) => isPartReady(state.config, status)));
  for (const [index, status] of state.processes.entries()) {
    const shown = readiness[index] ? "ready" : status.state === "running" ? "not ready" : status.state;
    print(row(status.name, shown, status.pid ?? "-", status.restarts, runningFor(status)));
  }
  print(`gateway: http://localhost:${state.config.ports.gateway}`);
  return readiness.every(Boolean) ? 0 : 1;
}

function row(name: string, state: string, pid: string | number, restarts: string | number, time: string): string {
  return `${name.padEnd(14)}${state.padEnd(12)}${String(pid).padEnd(9)}${String(restarts).padEnd(10)}${time}`;
}

function runningFor({ startTime }: ProcessStatus): string {
  return startTime === undefined ? "-" : `${Math.round((Date.now() - startTime) / 1000)} s`;
}
