import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { serviceNames } from "../../tools/stack/stack-config.ts";

/** Texts by their path from the root, with `/` between folders. */
export type SourceTree = ReadonlyMap<string, string>;

/** One rule of the architecture, with made-up sources that show what it refuses and what it lets pass. */
export interface Rule {
  /** What holds, as a full sentence without "it". */
  readonly sentence: string;
  /** What breaks the rule, each with its place; empty when nothing does. */
  readonly violations: (tree: SourceTree) => string[];
  /** Trees of which each breaks the rule. */
  readonly refused: readonly Readonly<Record<string, string>>[];
  /** A tree that keeps it. */
  readonly accepted: Readonly<Record<string, string>>;
}

/** The services, by the names of their folders. */
export const services: readonly string[] = serviceNames;

/** Every package of the workspace. */
export const packages: readonly string[] = ["proto", "chassis", ...services];

const foreignFolders = new Set([
  "node_modules",
  "dist",
  "gen",
  "released",
  ".git",
  ".build",
  ".data",
  ".tools",
  "backups",
]);
const readNames =
  /\.(ts|mjs|js|json|sql|proto|sh|ya?ml|md)$|^(Makefile|Dockerfile|run|\.dockerignore|\.gitattributes)$/;
const fileMaxBytes = 1_000_000;

/** Reads what people wrote: generated, installed and built files are left out, and so is runtime data. */
export function readSourceTree(root: string): SourceTree {
  const tree = new Map<string, string>();
  const read = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && !foreignFolders.has(entry.name)) read(path);
      if (!entry.isFile() || !readNames.test(entry.name)) continue;
      const text = readFileSync(join(root, path), "utf8");
      if (text.length > fileMaxBytes) throw new Error(`${path} is larger than anything written by hand`);
      tree.set(path, text);
    }
  };
  read("");
  return tree;
}

/** Whether a file is a test or serves tests only. */
export function isTest(path: string): boolean {
  return path.startsWith("tests/") || path.includes("/testing/") || /\.test(-child)?\.ts$|-suite\.ts$/.test(path);
}

/** The TypeScript files under some folders (all without one), sorted. */
export function typescript(tree: SourceTree, ...folders: readonly string[]): [path: string, text: string][] {
  const isWanted = (path: string) => folders.length === 0 || folders.some((folder) => path.startsWith(`${folder}/`));
  return [...tree].filter(([path]) => path.endsWith(".ts") && isWanted(path)).sort(([a], [b]) => (a < b ? -1 : 1));
}

const stringsAndComments = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;

/** A source with its comments blanked; lines stay where they are. */
export function withoutComments(text: string): string {
  return text.replace(stringsAndComments, (part) => (part.startsWith("/") ? part.replace(/[^\n]/g, " ") : part));
}

/** A source without comments and without what its strings hold. */
export function codeOnly(text: string): string {
  return text.replace(stringsAndComments, (part) => part.replace(/[^\n]/g, " "));
}

/** Every place of a tree's files where a pattern (with the flag g) matches, as `path:line: what matched`. */
export function placesOf(files: Iterable<readonly [path: string, text: string]>, pattern: RegExp): string[] {
  return [...files].flatMap(([path, text]) =>
    [...text.matchAll(pattern)].map((match) => `${path}:${lineOf(text, match.index)}: ${match[0].trim()}`),
  );
}

/** The number of the line at an offset. */
export function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}
