import { existsSync, type FSWatcher, watch } from "node:fs";
import { join } from "node:path";
import { gitLockFile, type SourceFiles } from "./source-files.ts";

/** An editor saves in several steps and Git many files: what changes within this time is one change. */
const quietMs = 150;
/** Looked at without any notice too: some file systems (network, mounted from another system) give none. */
const lookIntervalMs = 2_000;
/** While Git holds its lock, a checkout is half of one. A lock that stays is a leftover. */
const gitWaitMaxMs = 15_000;

/** Calls `onChange` with the paths that changed, once for what changes together. Returns what ends it. */
export function watchSources(rootDir: string, files: SourceFiles, onChange: (paths: string[]) => void): () => void {
  const watchers = new Map<string, FSWatcher>();
  const lockFile = gitLockFile(rootDir);
  let timer: NodeJS.Timeout | undefined;
  let gitSince: number | undefined;

  function schedule(): void {
    clearTimeout(timer);
    timer = setTimeout(look, quietMs);
  }

  function look(): void {
    if (lockFile !== undefined && existsSync(lockFile)) {
      gitSince ??= performance.now();
      if (performance.now() - gitSince < gitWaitMaxMs) {
        schedule();
        return;
      }
    } else gitSince = undefined;
    const changed = files.look();
    watchFolders();
    if (changed.length > 0) onChange(changed);
  }

  function watchFolders(): void {
    const wanted = new Set([".", ...files.folders()]);
    for (const folder of wanted) {
      if (watchers.has(folder)) continue;
      try {
        const watcher = watch(join(rootDir, folder), schedule);
        watcher.on("error", () => {
          watcher.close();
          watchers.delete(folder);
        });
        watchers.set(folder, watcher);
      } catch {
        // No notices for this folder (gone again, or the system's limit is reached): the interval finds its changes.
      }
    }
    for (const [folder, watcher] of watchers) {
      if (wanted.has(folder)) continue;
      watcher.close();
      watchers.delete(folder);
    }
  }

  watchFolders();
  const interval = setInterval(() => {
    if (timer === undefined || gitSince === undefined) schedule();
  }, lookIntervalMs);
  return () => {
    clearTimeout(timer);
    clearInterval(interval);
    for (const watcher of watchers.values()) watcher.close();
  };
}
