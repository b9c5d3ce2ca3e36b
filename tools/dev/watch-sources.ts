import { existsSync, type FSWatcher, watch } from "node:fs";
import { join } from "node:path";
import { gitLockFile, type SourceFiles } from "./source-files.ts";

/** An editor saves in several steps and Git many files: what changes within this time is one change. */
const quietMs = 150;
/** Where something is written all the time, the look comes nevertheless. */
const noticeWaitMaxMs = 3_000;
/** Looked at without any notice too: some file systems (network, mounted from another system) give none. */
const lookIntervalMs = 2_000;
/** While Git holds its lock, a checkout is half of one. A lock that stays is a leftover. */
const gitWaitMaxMs = 15_000;

/**
 * Calls `onChange` with the paths that changed, once for what changes together, and again only when that is done: what it
 * writes itself and has looked at is no change. Begins with the paths of `first`. Returns what ends it.
 */
export function watchSources(
  rootDir: string,
  files: SourceFiles,
  onChange: (paths: string[]) => Promise<void>,
  first: string[] = [],
): () => void {
  const watchers = new Map<string, FSWatcher>();
  const lockFile = gitLockFile(rootDir);
  let timer: NodeJS.Timeout | undefined;
  let gitSince: number | undefined;
  let firstNotice: number | undefined;
  let isBusy = false;
  let hasEnded = false;

  function schedule(): void {
    clearTimeout(timer);
    if (isBusy || hasEnded) return;
    firstNotice ??= performance.now();
    const waited = performance.now() - firstNotice;
    timer = setTimeout(look, Math.max(0, Math.min(quietMs, noticeWaitMaxMs - waited)));
  }

  function look(): void {
    if (lockFile !== undefined && existsSync(lockFile)) {
      gitSince ??= performance.now();
      if (performance.now() - gitSince < gitWaitMaxMs) {
        firstNotice = undefined;
        schedule();
        return;
      }
    } else gitSince = undefined;
    firstNotice = undefined;
    const changed = files.look();
    watchFolders();
    if (changed.length > 0) handle(changed);
  }

  function handle(paths: string[]): void {
    isBusy = true;
    void onChange(paths).finally(() => {
      isBusy = false;
      schedule();
    });
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
  if (first.length > 0) handle(first);
  const interval = setInterval(schedule, lookIntervalMs);
  return () => {
    hasEnded = true;
    clearTimeout(timer);
    clearInterval(interval);
    for (const watcher of watchers.values()) watcher.close();
  };
}
