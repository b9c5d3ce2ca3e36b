import type { AuditSource, Invariant } from "../finding.ts";

/** A row that a rule's query returns: one offence. */
export interface OffenceRow {
  /** What it is about, as in "orders/…". */
  readonly about: string;
  /** What is wrong, in words. */
  readonly what: string;
  /** Only for what may pass by itself: when it began, ms since the epoch. */
  readonly since?: number;
  /**
   * Only for what is told from rows that are removed after a while: when the one that is missing was made. If that was
   * too long ago, its absence means nothing.
   */
  readonly made?: number;
  /** Only for messages: the id of the message. */
  readonly message?: string;
}

/**
 * A rule about one database. Its query returns the rows that break it. A rule without `atRest` holds at every single read;
 * the others hold once everything has come to rest.
 */
export interface RowRule {
  readonly invariant: Invariant;
  readonly source: AuditSource;
  /** What it looks at, unique among the rules of its source. */
  readonly name: string;
  readonly sql: string;
  readonly atRest?: true;
}
