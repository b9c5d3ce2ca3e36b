import { waitUntil } from "./ready.ts";
import { isAlive, type RecordedProcess, readRunState, removeRunState } from "./run-state.ts";
import { findStrays } from "./strays.ts";

const supervisorTimeoutMs = 60_000;
const leftoverTimeoutMs = 20_000;

/**
 * Ends the stack with this data directory: its supervisor, which ends the rest in order, and then whatever a killed
 * supervisor has left, also when its record is lost. Only processes that are still the recorded ones, or that show by
 * their command that they use this directory, are touched. Resolves to whether anything ran.
 */
export async function down(dataDir: string, report: (line: string) => void): Promise<boolean> {
  const first = readRunState(dataDir);
  let found = false;
  if (first !== undefined && isAlive(first.supervisor)) {
    const { supervisor } = first;
    found = true;
    report("Stopping the gateway, the services and the broker");
    signal(supervisor.pid, "SIGTERM");
    if (!(await waitUntil(() => !isAlive(supervisor), supervisorTimeoutMs))) signal(supervisor.pid, "SIGKILL");
  }
  const recorded: readonly Leftover[] = (readRunState(dataDir) ?? first)?.processes ?? [];
  // A supervisor first: it would start again what ends.
  const strays = findStrays(dataDir).sort((a, b) => Number(b.name === "supervisor") - Number(a.name === "supervisor"));
  const leftovers = new Map([...strays, ...recorded].filter(isAlive).map((one) => [one.pid, one]));
  for (const { name, pid } of leftovers.values()) {
    found = true;
    report(`Stopping ${name} (process ${pid}), left over by an earlier run`);
    signal(pid, "SIGTERM");
  }
  const remaining = () => [...leftovers.values()].filter(isAlive);
  await waitUntil(() => remaining().length === 0, leftoverTimeoutMs);
  for (const { pid } of remaining()) signal(pid, "SIGKILL");
  await waitUntil(() => remaining().length === 0, leftoverTimeoutMs);
  removeRunState(dataDir);
  return found;
}

type Leftover = Pick<RecordedProcess, "name"> & {
  readonly pid: number | undefined;
  readonly startTicks: string | undefined;
};

function signal(pid: number | undefined, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(pid, name);
  } catch {
    // It ended between our look and our signal.
  }
}
