import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const pollIntervalMs = 100;
const chunkBytes = 64 * 1024;
const newline = 0x0a;

/**
 * Reads lines of files and, unless `once`, goes on with what is appended. Begins with each file's last `linesMax` lines. A
 * file may appear later, be emptied by rotation or be replaced. Returns what ends it.
 */
export function followFiles(
  files: () => readonly string[],
  options: { linesMax: number; once?: boolean; onLine: (file: string, line: string) => void },
): () => void {
  const readers = new Map<string, () => void>();
  const poll = () => {
    for (const file of files()) {
      if (!readers.has(file)) readers.set(file, createReader(file, options.linesMax, options.onLine));
      readers.get(file)?.();
    }
  };
  poll();
  if (options.once) return () => {};
  const timer = setInterval(poll, pollIntervalMs);
  return () => clearInterval(timer);
}

function createReader(file: string, linesMax: number, onLine: (file: string, line: string) => void): () => void {
  let offset = 0;
  let inode: number | undefined;
  let partial = Buffer.alloc(0);
  const buffer = Buffer.alloc(chunkBytes);

  /** Hands the lines of what was added to `take`. */
  function readOn(take: (line: string) => void): void {
    let descriptor: number;
    try {
      descriptor = openSync(file, "r");
    } catch {
      return;
    }
    try {
      const { size, ino } = fstatSync(descriptor);
      if (ino !== inode || size < offset) {
        inode = ino;
        offset = 0;
        partial = Buffer.alloc(0);
      }
      while (offset < size) {
        const count = readSync(descriptor, buffer, 0, chunkBytes, offset);
        if (count === 0) break;
        offset += count;
        partial = Buffer.concat([partial, buffer.subarray(0, count)]);
        const end = partial.lastIndexOf(newline);
        if (end < 0) continue;
        for (const line of partial.toString("utf8", 0, end).split("\n")) take(line);
        partial = partial.subarray(end + 1);
      }
    } finally {
      closeSync(descriptor);
    }
  }

  let isFirst = true;
  return () => {
    if (!isFirst) return readOn((line) => onLine(file, line));
    isFirst = false;
    let last: string[] = [];
    readOn((line) => {
      last.push(line);
      if (last.length >= 2 * linesMax) last = last.slice(-linesMax);
    });
    for (const line of last.slice(-linesMax)) onLine(file, line);
  };
}
