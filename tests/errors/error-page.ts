import type { SourceTree } from "../architecture/source-tree.ts";

/** Where the page stands. */
export const errorPagePath = "docs/errors.md";

/** Heading of what every service and the gateway can answer. */
export const anyMethod = "Any method";

/** One reason on the page. */
export interface PageRow {
  /** Heading that it stands under: {@link anyMethod} or the name of a service. */
  readonly section: string;
  readonly reason: string;
  readonly codes: readonly string[];
  readonly statuses: readonly number[];
  /** Names of the methods; empty where any method is meant. */
  readonly methods: readonly string[];
  /** What it means and what to do. */
  readonly meaning: string;
  /** Whether the same call may do better later: "no" or "later". */
  readonly again: string;
}

/**
 * The tables of the page: reason, codes, HTTP statuses, under a service also methods, then what it means and whether a
 * repetition helps.
 */
export function pageRows(tree: SourceTree): PageRow[] {
  const text = tree.get(errorPagePath) ?? "";
  return text.split(/^## /m).flatMap((part) => {
    const section = part.split("\n", 1)[0] ?? "";
    const lines = part.split("\n").filter((line) => /^\| `[A-Z]/.test(line));
    return lines.map((line) => rowOf(section, line));
  });
}

function rowOf(section: string, line: string): PageRow {
  const cells = line.slice(1, -1).split("|");
  const [reason = "", codes = "", statuses = "", ...rest] = cells.map((cell) => cell.trim());
  const [methods = "", meaning = "", again = ""] = section === anyMethod ? ["", ...rest] : rest;
  return {
    section,
    reason: namesIn(reason)[0] ?? "",
    codes: namesIn(codes),
    statuses: [...statuses.matchAll(/\d+/g)].map(Number),
    methods: namesIn(methods),
    meaning,
    again,
  };
}

function namesIn(cell: string): string[] {
  return [...cell.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name);
}
