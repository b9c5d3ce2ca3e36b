import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Database, openDatabase } from "../storage/database.ts";
import { chassisMigrations, type MigrationSource, migrate } from "../storage/migrate.ts";

/** What {@link openTestDatabase} may be told. */
export interface TestDatabaseOptions {
  /** Applied after the chassis' own. */
  readonly migrations?: readonly MigrationSource[];
  /** A temporary file instead of memory: for tests that open it twice. */
  readonly file?: boolean;
}

/** A migrated database of the test's own. `close()` also removes the file. */
export async function openTestDatabase(options: TestDatabaseOptions = {}): Promise<Database> {
  const folder = options.file ? mkdtempSync(join(tmpdir(), "quartet-")) : undefined;
  const database = openDatabase({ file: folder === undefined ? ":memory:" : join(folder, "test.sqlite") });
  await migrate(database, [chassisMigrations, ...(options.migrations ?? [])]);
  return {
    ...database,
    async close() {
      await database.close();
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}
