import { serviceNames } from "../../stack/stack-config.ts";
import type { AuditSource } from "../finding.ts";
import type { RowRule } from "./row-rule.ts";

const sources: readonly AuditSource[] = [...serviceNames, "test-provider"];

/** I9: each file is whole. SQLite reads all of it, so it is not for every read of a large one. */
export const fileRules: readonly RowRule[] = sources.flatMap((source): RowRule[] => [
  {
    invariant: "I9",
    source,
    name: "integrity_check finds nothing",
    // Constraints of columns and tables belong to what it checks.
    sql: `
      SELECT '${source}' AS about, integrity_check AS what FROM pragma_integrity_check WHERE integrity_check <> 'ok'`,
  },
  {
    invariant: "I9",
    source,
    name: "foreign_key_check finds nothing",
    sql: `
      SELECT '${source}' AS about,
        count(*) || ' rows of ' || "table" || ' refer to rows of ' || "parent" || ' that are not there' AS what
      FROM pragma_foreign_key_check GROUP BY "table", "parent"`,
  },
]);
