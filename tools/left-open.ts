import type { ChildProcess } from "node:child_process";
import { Server, Socket } from "node:net";

// Mocha ends when nothing is open any more. What a test left open keeps it alive, and says nothing by itself: this says,
// after a while, what it is. And what a test has started is in a group of its own, so that Ctrl-C does not reach it: this ends
// it with the tests. `node tools/test.ts` has mocha load it.

const patienceMs = 30_000;

/** Names what is open in this process, each kind of thing with how many there are of it. */
export function whatIsOpen(): string {
  const things = [...openHandles().map(handleName), ...process.getActiveResourcesInfo()];
  const counts = Map.groupBy(things, (thing) => thing);
  return [...counts].map(([thing, { length }]) => `  ${length} × ${thing}`).join("\n");
}

/** Ends the processes that this one has started and that still run, and what these have started in their groups. */
export function endProcesses(): void {
  for (const { pid } of openHandles() as Partial<ChildProcess>[]) {
    if (pid === undefined) continue;
    for (const target of [-pid, pid]) {
      try {
        process.kill(target, "SIGKILL");
      } catch {
        // It has no group of its own, or has just ended.
      }
    }
  }
}

// Undocumented, and all that tells one socket or process from another.
function openHandles(): unknown[] {
  return (process as unknown as { _getActiveHandles(): unknown[] })._getActiveHandles();
}

function handleName(handle: unknown): string {
  if (handle instanceof Server) return `server at ${JSON.stringify(handle.address())}`;
  if (handle instanceof Socket) return `socket ${handle.localPort ?? ""} to ${handle.remotePort ?? "a pipe or file"}`;
  const { pid, spawnargs } = handle as Partial<ChildProcess>;
  if (spawnargs !== undefined) return `process ${pid} ${spawnargs.join(" ")}`;
  return String((handle as object).constructor?.name);
}

export const mochaHooks = {
  beforeAll() {
    // Not `once`: it stops listening first, and the signal that mocha's other process passes on would end this one midway.
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        endProcesses();
        process.exit(1);
      });
    }
  },
  afterAll() {
    setTimeout(() => console.error(`Still open after the last test:\n${whatIsOpen()}`), patienceMs).unref();
  },
};
