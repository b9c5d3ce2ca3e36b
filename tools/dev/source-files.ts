import { createHash } from "node:crypto";
import { type Dirent, existsSync, readdirSync, readFileSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { serviceNames } from "../stack/stack-config.ts";

/** What a running stack is made of, and nothing that it writes itself. */
const folders = [
  ...["chassis", ...serviceNames].flatMap((name) => [`${name}/src`, `${name}/migrations`]),
  ...["proto/shop", "proto/gen", "envoy"],
];
const singleFiles = ["buf.yaml", "buf.gen.yaml", "package-lock.json"];
const watched = /\.(ts|sql|proto|yaml|json|binpb)$/;
const ignored = /\.test\.ts$|\.test-child\.ts$/;

/** The content of one file at a time. */
interface FileState {
  readonly mtimeMs: number;
  readonly size: number;
  readonly inode: number;
  readonly hash: string;
}

/** The sources below a root, as they were at the last look. Paths are relative and have slashes. */
export interface SourceFiles {
  /** Looks again. Returns the paths whose content is another than before, the new and the removed ones included. */
  look(): string[];
  /** Folders that hold sources now. */
  folders(): readonly string[];
  /** Paths that were written after this time (milliseconds since the epoch). */
  writtenAfter(time: number): string[];
}

/** Takes a first look at the sources. */
export function readSourceFiles(rootDir: string): SourceFiles {
  let states = new Map<string, FileState>();
  let present: string[] = [];

  function stateOf(path: string): FileState | undefined {
    const stats = statsOf(join(rootDir, path));
    if (stats === undefined) return undefined;
    const { mtimeMs, size, ino: inode } = stats;
    const before = states.get(path);
    if (before !== undefined && before.mtimeMs === mtimeMs && before.size === size && before.inode === inode) {
      return before;
    }
    try {
      const hash = createHash("sha256")
        .update(readFileSync(join(rootDir, path)))
        .digest("hex");
      return { mtimeMs, size, inode, hash };
    } catch {
      return undefined;
    }
  }

  function look(): string[] {
    const paths = [...singleFiles];
    present = [];
    for (const folder of folders) walk(rootDir, folder, present, paths);
    const next = new Map<string, FileState>();
    for (const path of paths) {
      const state = stateOf(path);
      if (state !== undefined) next.set(path, state);
    }
    const changed = [...next].filter(([path, { hash }]) => states.get(path)?.hash !== hash).map(([path]) => path);
    const removed = [...states.keys()].filter((path) => !next.has(path));
    states = next;
    return [...changed, ...removed].sort();
  }

  look();
  return {
    look,
    folders: () => present,
    writtenAfter: (time) => [...states].filter(([, { mtimeMs }]) => mtimeMs > time).map(([path]) => path),
  };
}

function walk(rootDir: string, folder: string, foundFolders: string[], foundFiles: string[]): void {
  let entries: Dirent[];
  try {
    entries = readdirSync(join(rootDir, folder), { withFileTypes: true });
  } catch {
    return;
  }
  foundFolders.push(folder);
  for (const entry of entries) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      if (entry.name !== "node_modules" && !entry.name.startsWith(".")) walk(rootDir, path, foundFolders, foundFiles);
    } else if (watched.test(entry.name) && !ignored.test(entry.name)) foundFiles.push(path);
  }
}

function statsOf(file: string): Stats | undefined {
  return statSync(file, { throwIfNoEntry: false });
}

/** The file that Git holds while it changes the checkout below this root; undefined where there is no Git. */
export function gitLockFile(rootDir: string): string | undefined {
  const entry = join(rootDir, ".git");
  if (!existsSync(entry)) return undefined;
  if (statSync(entry).isDirectory()) return join(entry, "index.lock");
  // A worktree has a file that says where its folder is.
  const folder = /^gitdir: (.*)$/m.exec(readFileSync(entry, "utf8"))?.[1];
  return folder === undefined ? undefined : join(folder, "index.lock");
}
