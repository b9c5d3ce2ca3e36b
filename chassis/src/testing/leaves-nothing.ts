import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { eventually } from "./eventually.ts";

/**
 * Runs what starts and stops something, and asserts that afterwards nothing more keeps this process alive than before,
 * and that every database in the folder was closed: SQLite removes its write-ahead log then.
 */
export async function assertLeavesNothing(folder: string, run: () => Promise<void>): Promise<void> {
  const before = activeResources();
  await run();
  // A socket needs a moment to be gone after it was closed.
  await eventually("what was opened is closed", () => added(before, activeResources()).length === 0).catch(() => {
    assert.deepEqual(added(before, activeResources()), [], "still open");
  });
  const logs = readdirSync(folder).filter((file) => /-(wal|shm|journal)$/.test(file));
  assert.deepEqual(logs, [], "databases that were not closed");
}

const activeResources = () => process.getActiveResourcesInfo();

function added(before: readonly string[], after: readonly string[]): string[] {
  const rest = [...after];
  for (const resource of before) {
    const index = rest.indexOf(resource);
    if (index >= 0) rest.splice(index, 1);
  }
  return rest;
}
