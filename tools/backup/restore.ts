import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { isBusy, isDamaged } from "../../chassis/src/storage/database-errors.ts";
import { StackError } from "../stack/stack-error.ts";
import { providerFile, serviceFiles } from "./backed-up-files.ts";
import { checkedMigrations, type Manifest, readManifest, sha256Of } from "./manifest.ts";
import { recordRestore } from "./record-restore.ts";
import { markForReplay, type Replayed } from "./replay.ts";

/** What a restore has done. */
export interface Restored {
  readonly manifest: Manifest;
  /** What will be published again, because in the restored files nobody has handled it. */
  readonly replayed: Replayed;
  /** Name of the folder, in the folder of each service, that holds what was there before. */
  readonly replacedName: string;
}

const [folderMode, fileMode] = [0o700, 0o600];
/** Copies that are not yet known to be good. */
const stagedName = "restore.staged";
/** Good copies on their way to their places, and the mark of it: a service refuses to start beside them. */
const partName = "restore.part";

interface RestoreOptions {
  readonly dataDir: string;
  readonly from: string;
  readonly now?: () => number;
}

/**
 * Puts the files of a backup in the place of those in a data directory, whose services must be stopped, and marks what has
 * to be published again. First everything is copied and checked; if anything is wrong with it nothing is changed. If it is
 * interrupted after that no service starts until it is repeated. What was there before is kept beside. Throws a StackError.
 */
export async function restore(
  options: RestoreOptions & {
    /** Called when the files are in their places: removes the messages that the broker still has for the services. */
    readonly emptyBroker?: () => Promise<void>;
  },
): Promise<Restored> {
  const restored = await putBack(options);
  await options.emptyBroker?.();
  allowStart(options.dataDir);
  return restored;
}

/**
 * All of a restore but its end, for whoever empties the broker by other means: no service starts before
 * {@link allowStart}.
 */
export async function putBack(options: RestoreOptions): Promise<Restored> {
  const { dataDir, from, now = Date.now } = options;
  const manifest = readManifest(from);
  refuseIncomplete(manifest, from);
  for (const path of serviceFiles) refuseInUse(join(dataDir, path));
  const folders = serviceFiles.map(dirname);
  // The provider's memory goes on.
  const paths = [...serviceFiles, ...(existsSync(join(dataDir, providerFile)) ? [] : [providerFile])].filter((path) =>
    manifest.files.some((file) => file.path === path),
  );

  for (const folder of folders) {
    rmSync(join(dataDir, folder, stagedName), { recursive: true, force: true });
    mkdirSync(join(dataDir, folder, stagedName), { recursive: true, mode: folderMode });
  }
  try {
    for (const path of paths) await stage(manifest, from, path, join(dataDir, dirname(path), stagedName));
  } catch (error) {
    for (const folder of folders) rmSync(join(dataDir, folder, stagedName), { recursive: true, force: true });
    throw error;
  }

  const replacedName = `replaced-${new Date(now()).toISOString().replace(/[:.]/g, "-")}`;
  for (const folder of folders) {
    rmSync(join(dataDir, folder, partName), { recursive: true, force: true });
    renameSync(join(dataDir, folder, stagedName), join(dataDir, folder, partName));
  }
  for (const folder of folders) setAside(join(dataDir, folder), replacedName);
  for (const path of paths) renameSync(join(dataDir, dirname(path), partName, basename(path)), join(dataDir, path));
  recordRestore(
    serviceFiles.map((path) => join(dataDir, path)),
    Math.max(now(), Date.parse(manifest.cutTime)),
  );
  return { manifest, replayed: markForReplay(dataDir), replacedName };
}

/** The end of a restore: its services may start again. */
export function allowStart(dataDir: string): void {
  for (const path of serviceFiles) rmSync(join(dataDir, dirname(path), partName), { recursive: true, force: true });
}

function refuseIncomplete({ files }: Manifest, from: string): void {
  const missing = serviceFiles.filter((path) => !files.some((file) => file.path === path));
  if (missing.length > 0) throw new StackError(`${from} has no ${missing.join(", ")}.`);
}

/** Copies a file of the backup and checks the copy. */
async function stage(manifest: Manifest, from: string, path: string, folder: string): Promise<void> {
  const said = manifest.files.find((file) => file.path === path);
  const copy = join(folder, basename(path));
  if (!existsSync(join(from, path))) throw new StackError(`${join(from, path)} is missing.`);
  copyFileSync(join(from, path), copy);
  // The mode came along: nobody may write to what was kept on read-only media.
  chmodSync(copy, fileMode);
  flush(copy);
  if (statSync(copy).size !== said?.bytes || (await sha256Of(copy)) !== said.sha256) {
    throw new StackError(`${join(from, path)} is not what was backed up: its size or its SHA-256 differs.`);
  }
  checkedMigrations(copy, join(from, path));
}

function flush(file: string): void {
  const descriptor = openSync(file, "r+");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Whoever runs a service holds the lock beside its file, and whoever writes holds the file. */
function refuseInUse(file: string): void {
  for (const name of [`${file}.lock`, file].filter((candidate) => existsSync(candidate))) {
    const database = new BetterSqlite3(name, { timeout: 0 });
    try {
      database.exec("BEGIN EXCLUSIVE; ROLLBACK");
    } catch (error) {
      if (isBusy(error)) {
        throw new StackError(`${basename(dirname(file))} is running: stop everything first, with \`make down\`.`);
      }
      // What is damaged may be just why there is a restore: it is set aside like everything else.
      if (!isDamaged(error)) throw error;
    } finally {
      database.close();
    }
  }
}

/** Moves away what belongs to a database that is replaced, but for locks and the test provider's record. */
function setAside(folder: string, replacedName: string): void {
  const replaced = join(folder, replacedName);
  const provider = basename(providerFile);
  const isMoved = (name: string) =>
    (/\.sqlite(-wal|-shm)?$/.test(name) && !name.startsWith(provider)) ||
    // Keys that the restored user-svc may not know.
    name.endsWith("-jwks.json");
  const names = readdirSync(folder).filter(isMoved);
  if (names.length === 0) return;
  mkdirSync(replaced, { recursive: true, mode: folderMode });
  for (const name of names) renameSync(join(folder, name), join(replaced, name));
}
