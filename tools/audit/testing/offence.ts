import type { AuditSource, Invariant } from "../finding.ts";

/** An offence: what to do to which file, and which rule finds it. */
export interface Offence {
  readonly invariant: Invariant;
  /** Name of the rule about one database, where it is one. */
  readonly rule?: string;
  readonly source: AuditSource;
  readonly sql: string;
  /** What it has to be about. */
  readonly about: string;
  /** Both sides, for a rule about two. */
  readonly between?: readonly AuditSource[];
  readonly says?: RegExp;
  /** Found at rest only. */
  readonly atRest?: true;
}

type Case = readonly [sql: string, about: string];

/** Offences that the rules of these names about one database find. */
export function rules(
  invariant: Invariant,
  source: AuditSource,
  cases: Record<string, Case>,
  atRest?: true,
): Offence[] {
  return Object.entries(cases).map(([rule, [sql, about]]) => ({ invariant, source, rule, sql, about, atRest }));
}

/** Offences that two databases together show. */
export function pair(
  invariant: Invariant,
  between: readonly AuditSource[],
  cases: readonly (readonly [source: AuditSource, sql: string, about: string, says: RegExp])[],
  atRest?: true,
): Offence[] {
  return cases.map(([source, sql, about, says]) => ({ invariant, between, source, sql, about, says, atRest }));
}
