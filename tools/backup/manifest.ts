import { createHash } from "node:crypto";
import { createReadStream, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import BetterSqlite3 from "better-sqlite3";
import { StackError } from "../stack/stack-error.ts";

/** One file of a backup. */
export interface BackedUpFile {
  /** Path inside the backup, and inside the data directory. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  /** The migrations that were applied to it, as in "order-svc/0000_orders.sql". */
  readonly migrations: readonly string[];
}

/** What a backup is made of: `manifest.json` in its folder. */
export interface Manifest {
  readonly format: 1;
  /** The moment that all files show, ISO 8601. */
  readonly cutTime: string;
  /** When the copies were complete. */
  readonly endTime: string;
  readonly sqliteVersion: string;
  readonly files: readonly BackedUpFile[];
}

/** Name of the manifest in a backup. */
export const manifestName = "manifest.json";

/** Describes a copy. Throws when SQLite finds something wrong with it. */
export async function describeCopy(folder: string, path: string): Promise<BackedUpFile> {
  const file = join(folder, path);
  const migrations = checkedMigrations(file);
  return { path, bytes: statSync(file).size, sha256: await sha256Of(file), migrations };
}

/** Reads the manifest of a backup. Throws a StackError when there is none that can be understood. */
export function readManifest(folder: string): Manifest {
  let manifest: Manifest;
  try {
    manifest = JSON.parse(readFileSync(join(folder, manifestName), "utf8")) as Manifest;
  } catch {
    throw new StackError(`${folder} is no backup: it has no ${manifestName} that can be read.`);
  }
  if (manifest.format !== 1) throw new StackError(`${folder} is a backup of a form that this version does not know.`);
  return manifest;
}

/** SHA-256 of a file, in hexadecimal digits. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

/**
 * Checks a whole database and returns the migrations applied to it, none for one without. Leaves it as one file, without
 * write-ahead log. Throws a StackError, which calls it `name`, when something is wrong with it.
 */
export function checkedMigrations(file: string, name = file): readonly string[] {
  const database = new BetterSqlite3(file, { fileMustExist: true });
  try {
    const problems = [
      ...(database.pragma("integrity_check") as { integrity_check: string }[]).map((row) => row.integrity_check),
      ...(database.pragma("foreign_key_check") as { table: string }[]).map(
        ({ table }) => `broken reference from ${table}`,
      ),
    ].filter((problem) => problem !== "ok");
    if (problems.length > 0) throw new StackError(`${name} is damaged: ${problems.slice(0, 3).join("; ")}.`);
    const hasJournal = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'migrations'").get() !== undefined;
    if (!hasJournal) return [];
    return database
      .prepare<[], string>("SELECT source || '/' || name FROM migrations ORDER BY source, name")
      .pluck()
      .all();
  } catch (error) {
    if (error instanceof StackError) throw error;
    throw new StackError(`${name} is damaged: ${error instanceof Error ? error.message : error}.`);
  } finally {
    database.close();
  }
}
