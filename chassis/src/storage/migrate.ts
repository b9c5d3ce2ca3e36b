import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { failPoint } from "../fail-point.ts";
import type { Database } from "./database.ts";
import { isBusy } from "./database-errors.ts";

/** A folder of migrations: `NNNN_name.sql`, applied in order of their names, each once and then never changed. */
export interface MigrationSource {
  /** Name in the journal, as in "chassis" or the name of the service. */
  readonly name: string;
  readonly folder: string | URL;
  /** Functions of one text that the migrations may call, by their names in SQL. */
  readonly functions?: Readonly<Record<string, (text: string) => string>>;
}

/** What may be set on {@link migrate}. */
export interface MigrateOptions {
  readonly now?: () => number;
  /** How long to wait for another process that migrates. */
  readonly lockWaitMaxMs?: number;
}

/** A database that cannot be brought to what the files say. Nothing was changed. */
export class MigrationError extends Error {
  override readonly name = "MigrationError";
}

/** The tables of outbox, inbox, request claims, secrets and restores. Every service applies them before its own. */
export const chassisMigrations = { name: "chassis", folder: new URL("../../migrations/", import.meta.url) } as const;

const endsTransactionMessage = "ends the transaction: leave BEGIN, COMMIT, ROLLBACK and the like out of it";
const lockWaitMaxMs = 60_000;
const lockRetryDelayMs = 25;

interface Migration {
  readonly source: string;
  readonly name: string;
  readonly hash: string;
  readonly statements: string;
}

interface JournalRow {
  readonly source: string;
  readonly name: string;
  readonly hash: string;
}

/**
 * Brings the database to what the files say, in one transaction: all of them or none. Foreign keys are off while it
 * runs, so that a table can be rebuilt without its children being deleted, and checked before the commit. Several
 * processes may call it at once. Throws {@link MigrationError} when an applied file was changed, is missing or is
 * preceded by a new one, or when a migration leaves a broken reference; then nothing is changed.
 */
export async function migrate(
  database: Database,
  sources: readonly MigrationSource[],
  options: MigrateOptions = {},
): Promise<void> {
  const { sqlite } = database;
  const now = options.now ?? Date.now;
  const migrations = sources.map((source) => ({ source: source.name, files: readMigrations(source) }));
  for (const source of sources) {
    for (const [name, call] of Object.entries(source.functions ?? {})) {
      sqlite.function(name, { deterministic: true, directOnly: true }, (text) => call(String(text)));
    }
  }
  const endTime = performance.now() + (options.lockWaitMaxMs ?? lockWaitMaxMs);
  for (;;) {
    // Inside a transaction this pragma does nothing.
    sqlite.pragma("foreign_keys = OFF");
    try {
      failPoint("migration.before-begin");
      sqlite.exec("BEGIN IMMEDIATE");
      applyAll();
      return;
    } catch (error) {
      if (!isBusy(error) || performance.now() >= endTime) throw error;
    } finally {
      if (sqlite.inTransaction) sqlite.exec("ROLLBACK");
      sqlite.pragma("foreign_keys = ON");
    }
    await delay(lockRetryDelayMs);
  }

  function applyAll(): void {
    sqlite.exec(
      "CREATE TABLE IF NOT EXISTS migrations (source TEXT NOT NULL, name TEXT NOT NULL, hash TEXT NOT NULL, " +
        "apply_time INTEGER NOT NULL, PRIMARY KEY (source, name)) STRICT, WITHOUT ROWID",
    );
    const record = sqlite.prepare("INSERT INTO migrations (source, name, hash, apply_time) VALUES (?, ?, ?, ?)");
    for (const { source, files } of migrations) {
      for (const migration of pendingOf(source, files)) {
        apply(migration);
        record.run(migration.source, migration.name, migration.hash, now());
        failPoint("migration.after-journal", `${source}/${migration.name}`);
      }
    }
    const broken = sqlite.pragma("foreign_key_check") as { table: string; parent: string }[];
    const [first] = broken;
    if (first !== undefined) {
      throw new MigrationError(`${broken.length} broken references, the first from ${first.table} to ${first.parent}`);
    }
    failPoint("migration.before-commit");
    sqlite.exec("COMMIT");
    failPoint("migration.after-commit");
  }

  function pendingOf(source: string, files: readonly Migration[]): readonly Migration[] {
    const applied = sqlite
      .prepare<[string], JournalRow>("SELECT source, name, hash FROM migrations WHERE source = ? ORDER BY name")
      .all(source);
    applied.forEach((row, position) => {
      const file = files[position];
      if (!files.some(({ name }) => name === row.name)) {
        throw new MigrationError(
          `${source}/${row.name} was applied but there is no such file: is this an older version?`,
        );
      }
      if (file?.name !== row.name) {
        throw new MigrationError(`${source}/${file?.name} is new but sorts before ${row.name}, which was applied`);
      }
      if (file.hash !== row.hash)
        throw new MigrationError(`${source}/${row.name} was changed after it had been applied`);
    });
    return files.slice(applied.length);
  }

  function apply(migration: Migration): void {
    const name = `${migration.source}/${migration.name}`;
    if (endsTransaction(migration.statements)) throw new MigrationError(`${name} ${endsTransactionMessage}`);
    sqlite.exec("SAVEPOINT migration");
    try {
      failPoint("migration.before-statements", name);
      sqlite.exec(migration.statements);
      failPoint("migration.after-statements", name);
    } catch (cause) {
      throw new MigrationError(`${name}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
    try {
      sqlite.exec("RELEASE migration");
    } catch (cause) {
      throw new MigrationError(`${name} ${endsTransactionMessage}`, { cause });
    }
  }
}

/** END is not looked for, since it also ends triggers: it is found out afterwards. */
function endsTransaction(statements: string): boolean {
  const bare = statements.replaceAll(/--.*|\/\*[\s\S]*?\*\/|'[^']*'|"[^"]*"/g, " ");
  return /(^|;)\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|VACUUM)\b/i.test(bare);
}

function readMigrations(source: MigrationSource): readonly Migration[] {
  const folder = typeof source.folder === "string" ? source.folder : fileURLToPath(source.folder);
  const names = readdirSync(folder)
    .filter((name) => name.endsWith(".sql"))
    .sort();
  const numbers = new Set<string>();
  return names.map((name) => {
    const number = /^(\d{4})_[a-z0-9_]+\.sql$/.exec(name)?.[1];
    if (number === undefined) throw new MigrationError(`${source.name}/${name} is not named NNNN_name.sql`);
    if (numbers.has(number)) throw new MigrationError(`${source.name}: two migrations have the number ${number}`);
    numbers.add(number);
    // A checkout on Windows may end its lines differently; the migration is the same.
    const statements = readFileSync(join(folder, name), "utf8").replaceAll("\r\n", "\n");
    const hash = createHash("sha256").update(statements).digest("hex");
    return { source: source.name, name, hash, statements };
  });
}
