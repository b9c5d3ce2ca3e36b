import type { Books } from "../books.ts";
import type { Finding } from "../finding.ts";

/** What a rule about several databases is told besides their books. Times are ms since the epoch. */
export interface PairContext {
  readonly now: number;
  /** Rows of outboxes and inboxes that belong to events made before this may have been removed. */
  readonly keptSince: number;
  /** Orders that were acknowledged to whoever placed them. */
  readonly acknowledged: readonly string[];
}

/** A rule about several databases. A book that was not read it leaves out. */
export type PairRule = (books: Books, context: PairContext) => readonly Finding[];

/** Rows by their ids. */
export function byId<Row extends { readonly id: string }>(rows: readonly Row[]): ReadonlyMap<string, Row> {
  return new Map(rows.map((row) => [row.id, row]));
}
