import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, readRunState } from "./run-state.ts";
import { StackError } from "./stack-error.ts";

/** What a command may ask of the supervisor, for one of its processes. */
export interface PartRequest {
  /** `stop` keeps it down until `start` or `replace`. */
  readonly action: "replace" | "stop" | "start";
  readonly part: string;
}

const folderOf = (dataDir: string) => join(dataDir, "run", "requests");
let count = 0;

/**
 * Asks the supervisor of this data directory, which acts on it at once and shows the outcome in the run state. Throws a
 * StackError when there is none. Files and a signal, so that nothing but the owner of the data can ask.
 */
export function askSupervisor(dataDir: string, request: PartRequest): void {
  const state = readRunState(dataDir);
  if (state === undefined || !isAlive(state.supervisor)) throw new StackError("Quartet is not running: make up");
  const folder = folderOf(dataDir);
  mkdirSync(folder, { recursive: true });
  const name = `${String(Date.now()).padStart(15, "0")}-${process.pid}-${String(++count).padStart(6, "0")}`;
  writeFileSync(join(folder, `${name}.part`), JSON.stringify(request), { mode: 0o600 });
  renameSync(join(folder, `${name}.part`), join(folder, `${name}.json`));
  process.kill(state.supervisor.pid, "SIGUSR2");
}

/** Takes the requests that wait, oldest first. */
export function takeRequests(dataDir: string): PartRequest[] {
  const folder = folderOf(dataDir);
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  } catch {
    return [];
  }
  return names.sort().flatMap((name) => {
    try {
      return [JSON.parse(readFileSync(join(folder, name), "utf8")) as PartRequest];
    } catch {
      return [];
    } finally {
      rmSync(join(folder, name), { force: true });
    }
  });
}
