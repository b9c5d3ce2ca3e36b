import { StackError } from "../stack/stack-error.ts";

/** From when on everything is to be published again: SINCE, ISO 8601. Undefined without it. Ms since the epoch. */
export function readSince({ SINCE }: Readonly<Record<string, string | undefined>>): number | undefined {
  if (!SINCE) return undefined;
  const time = Date.parse(SINCE);
  if (Number.isNaN(time)) throw new StackError(`SINCE must be a time like 2026-01-31T12:00:00Z, not "${SINCE}".`);
  return time;
}
