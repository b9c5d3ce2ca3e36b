import type { ChildProcess } from "node:child_process";
import { Server, Socket } from "node:net";

// Mocha ends when nothing is open any more. What a test left open keeps it alive, and says nothing by itself: this says,
// after a while, what it is. `node tools/test.ts` has mocha load it.

const patienceMs = 30_000;

/** Names what is open in this process, each kind of thing with how many there are of it. */
export function whatIsOpen(): string {
  // Undocumented, and all that tells one socket or process from another.
  const { _getActiveHandles: handles } = process as unknown as { _getActiveHandles(): unknown[] };
  const things = [...handles.call(process).map(handleName), ...process.getActiveResourcesInfo()];
  const counts = Map.groupBy(things, (thing) => thing);
  return [...counts].map(([thing, { length }]) => `  ${length} × ${thing}`).join("\n");
}

function handleName(handle: unknown): string {
  if (handle instanceof Server) return `server at ${JSON.stringify(handle.address())}`;
  if (handle instanceof Socket) return `socket ${handle.localPort ?? ""} to ${handle.remotePort ?? "a pipe or file"}`;
  const { pid, spawnargs } = handle as Partial<ChildProcess>;
  if (spawnargs !== undefined) return `process ${pid} ${spawnargs.join(" ")}`;
  return String((handle as object).constructor?.name);
}

export const mochaHooks = {
  afterAll() {
    setTimeout(() => console.error(`Still open after the last test:\n${whatIsOpen()}`), patienceMs).unref();
  },
};
