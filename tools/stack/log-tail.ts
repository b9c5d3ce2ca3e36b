import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { basename } from "node:path";
import { readLogLine } from "../logs/log-entry.ts";
import { showEntry } from "../logs/show-entry.ts";

const linesShown = 15;
const bytesMax = 256 * 1024;

/** How long a log is now, to tell later what was added to it. */
export function logLength(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** The last lines of a part's log as they are shown, indented for a message; only of what was written after `offset`, unless it was rotated since. */
export function lastLogLines(file: string, offset = 0): string {
  try {
    const size = logLength(file);
    const start = Math.max(offset <= size ? offset : 0, size - bytesMax);
    const lines = readFrom(file, start, size).trimEnd().split("\n");
    return lines
      .slice(-linesShown)
      .map((line) => `  ${showEntry(readLogLine(basename(file, ".log"), line), { colors: false })}`)
      .join("\n");
  } catch {
    return "  (no log)";
  }
}

function readFrom(file: string, start: number, end: number): string {
  if (start === 0) return readFileSync(file, "utf8");
  const descriptor = openSync(file, "r");
  try {
    const buffer = Buffer.alloc(end - start);
    return buffer.toString("utf8", 0, readSync(descriptor, buffer, 0, buffer.length, start));
  } finally {
    closeSync(descriptor);
  }
}
