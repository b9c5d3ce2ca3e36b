import { join } from "node:path";
import type { AuditSource } from "./finding.ts";
import { hostOf } from "./judge.ts";

/** Where a source is kept in the data directory of a native stack. */
export function databaseFile(dataDir: string, source: AuditSource): string {
  return join(dataDir, hostOf(source), `${source}.sqlite`);
}
