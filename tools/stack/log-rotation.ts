import { copyFileSync, statSync, truncateSync } from "node:fs";

const logBytesMax = 10 * 1024 * 1024;
const checkIntervalMs = 5_000;

/** Moves a log that has grown past `bytesMax` to `<file>.1` and empties it in place: its writers append and go on. */
export function rotateLog(file: string, bytesMax = logBytesMax): boolean {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= bytesMax) return false;
  copyFileSync(file, `${file}.1`);
  truncateSync(file);
  return true;
}

/** Keeps these logs within about twice the limit each. Returns what ends it. */
export function keepLogsBounded(files: () => readonly string[]): () => void {
  const timer = setInterval(() => {
    for (const file of files()) {
      try {
        rotateLog(file);
      } catch (error) {
        // A full disk, say: whoever keeps the services running has to live on.
        console.error(`cannot rotate ${file}: ${error}`);
      }
    }
  }, checkIntervalMs);
  timer.unref();
  return () => clearInterval(timer);
}
