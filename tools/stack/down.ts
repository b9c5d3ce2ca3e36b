import { waitUntil } from "./ready.ts";
import { isAlive, readRunState, removeRunState } from "./run-state.ts";

const supervisorTimeoutMs = 60_000;
const orphanTimeoutMs = 20_000;

/**
 * Ends the stack with this data directory: its supervisor, which ends the rest in order, and then whatever a killed
 * supervisor has left. Only processes that are still the recorded ones are touched. Resolves to whether anything ran.
 */
export async function down(dataDir: string, report: (line: string) => void): Promise<boolean> {
  const first = readRunState(dataDir);
  if (first === undefined) return false;
  const { supervisor } = first;
  let found = false;
  if (isAlive(supervisor)) {
    found = true;
    report("Stopping the gateway, the services and the broker");
    process.kill(supervisor.pid, "SIGTERM");
    if (!(await waitUntil(() => !isAlive(supervisor), supervisorTimeoutMs))) process.kill(supervisor.pid, "SIGKILL");
  }
  const orphans = (readRunState(dataDir) ?? first).processes.filter(isAlive);
  for (const orphan of orphans) {
    found = true;
    report(`Stopping ${orphan.name} (process ${orphan.pid}), left over by an earlier run`);
    signal(orphan.pid, "SIGTERM");
  }
  await waitUntil(() => !orphans.some(isAlive), orphanTimeoutMs);
  for (const orphan of orphans.filter(isAlive)) signal(orphan.pid, "SIGKILL");
  await waitUntil(() => !orphans.some(isAlive), orphanTimeoutMs);
  removeRunState(dataDir);
  return found;
}

function signal(pid: number | undefined, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(pid, name);
  } catch {
    // It ended between our look and our signal.
  }
}
