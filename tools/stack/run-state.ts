import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { StackConfig } from "./stack-config.ts";

/** A process as the supervisor recorded it. `startTicks` tells it from a later process with the same number. */
export interface RecordedProcess {
  readonly name: string;
  readonly pid: number;
  readonly startTicks: string | undefined;
}

/** Status of one supervised process. Times are milliseconds since the epoch. */
export interface ProcessStatus {
  readonly name: string;
  readonly state: "running" | "waiting" | "stopped";
  readonly pid: number | undefined;
  readonly startTicks: string | undefined;
  readonly restarts: number;
  readonly startTime: number | undefined;
  /** How the run before ended, or the last one of a stopped process: exit code or signal. */
  readonly lastExit?: number | NodeJS.Signals;
  /** The last process that was to take its place and did not get that far: when that was known, and how it ended. */
  readonly refused?: { readonly time: number; readonly how: number | NodeJS.Signals | undefined };
}

/** What the supervisor keeps on disk, so that other commands and a later run find its processes. */
export interface RunState {
  readonly supervisor: RecordedProcess;
  readonly config: StackConfig;
  readonly processes: readonly ProcessStatus[];
}

/** The file that holds the state of the stack with this data directory. */
export function runStateFile(dataDir: string): string {
  return join(dataDir, "run", "stack.json");
}

/** Replaces the recorded state, whole or not at all. */
export function writeRunState(dataDir: string, state: RunState): void {
  const file = runStateFile(dataDir);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.part`, JSON.stringify(state, undefined, 2), { mode: 0o600 });
  renameSync(`${file}.part`, file);
}

/** The recorded state; undefined when there is none that can be read. */
export function readRunState(dataDir: string): RunState | undefined {
  try {
    return JSON.parse(readFileSync(runStateFile(dataDir), "utf8")) as RunState;
  } catch {
    return undefined;
  }
}

/** Forgets the recorded state. */
export function removeRunState(dataDir: string): void {
  rmSync(runStateFile(dataDir), { force: true });
}

/** When a process was started, in the kernel's clock ticks since boot; undefined when it is gone (or is a zombie). */
export function startTicksOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command's name stands in parentheses and may hold spaces: count the fields after the last one.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** Whether this very process, not another with its number, is alive. */
export function isAlive(recorded: {
  readonly pid: number | undefined;
  readonly startTicks: string | undefined;
}): boolean {
  if (recorded.pid === undefined || recorded.startTicks === undefined) return false;
  return startTicksOf(recorded.pid) === recorded.startTicks;
}
