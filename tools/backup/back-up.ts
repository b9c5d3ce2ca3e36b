import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { StackError } from "../stack/stack-error.ts";
import { providerFile, serviceFiles } from "./backed-up-files.ts";
import { takeCut } from "./cut.ts";
import { type BackedUpFile, describeCopy, type Manifest, manifestName } from "./manifest.ts";

/** Password hashes and signing keys are in there. */
const [folderMode, fileMode] = [0o700, 0o600];

/**
 * Copies the databases of a data directory, all as of one moment, into a new folder, checks the copies and describes them
 * in a manifest. The services may be at work. The folder is there whole or not at all.
 */
export async function backUp(options: {
  readonly dataDir: string;
  readonly target: string;
  readonly now?: () => number;
}): Promise<Manifest> {
  const { dataDir, target, now = Date.now } = options;
  const missing = serviceFiles.filter((path) => !existsSync(join(dataDir, path)));
  if (missing.length > 0) throw new StackError(`There is nothing to back up: ${missing.join(", ")} is missing.`);
  if (existsSync(target)) throw new StackError(`${target} exists already.`);
  const paths = [...serviceFiles, ...(existsSync(join(dataDir, providerFile)) ? [providerFile] : [])];

  const part = `${target}.part`;
  rmSync(part, { recursive: true, force: true });
  try {
    const cut = takeCut(
      paths.map((path) => join(dataDir, path)),
      now,
    );
    const files: BackedUpFile[] = [];
    try {
      for (const path of paths) {
        mkdirSync(dirname(join(part, path)), { recursive: true, mode: folderMode });
        await cut.copy(join(dataDir, path), join(part, path));
        chmodSync(join(part, path), fileMode);
        files.push(await describeCopy(part, path));
      }
    } finally {
      cut.close();
    }
    const manifest: Manifest = {
      format: 1,
      cutTime: new Date(cut.time).toISOString(),
      endTime: new Date(now()).toISOString(),
      sqliteVersion: sqliteVersion(),
      files,
    };
    writeFileSync(join(part, manifestName), `${JSON.stringify(manifest, undefined, 2)}\n`, {
      mode: fileMode,
      flush: true,
    });
    renameSync(part, target);
    return manifest;
  } catch (error) {
    rmSync(part, { recursive: true, force: true });
    throw error;
  }
}

function sqliteVersion(): string {
  const database = new BetterSqlite3(":memory:");
  try {
    return String(database.prepare("SELECT sqlite_version()").pluck().get());
  } finally {
    database.close();
  }
}
