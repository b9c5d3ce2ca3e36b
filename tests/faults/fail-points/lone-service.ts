import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import BetterSqlite3 from "better-sqlite3";
import { freeStackPorts } from "../../../tools/stack/ports.ts";
import { answersOk, waitUntil } from "../../../tools/stack/ready.ts";
import { serviceProcess } from "../../../tools/stack/service-process.ts";
import type { ServiceName } from "../../../tools/stack/stack-config.ts";
import { type Death, deathsIn } from "./deaths.ts";

const rootDir = join(import.meta.dirname, "..", "..", "..");
/** A start that takes longer hangs. */
const runMaxMs = 60_000;

type Environment = Readonly<Record<string, string>>;

/** What the first start of a service makes. */
export interface Made {
  /** What SQLite says of the database in the end: nothing but "ok". */
  readonly faults: readonly unknown[];
  /** Tables, indexes and triggers as they were made, and the journal of migrations. */
  readonly schema: readonly unknown[];
  /** Rows in the tables of keys and secrets. */
  readonly keys: readonly unknown[];
}

/** What became of a service that started without a database, and died on the way to one. */
export interface FirstStart extends Made {
  readonly deaths: readonly Death[];
  /** How each of its processes ended, the last one when it was told to stop. */
  readonly ends: readonly (number | NodeJS.Signals | null)[];
}

/** The migrations of a service as fail points name them, in the order in which they are applied. */
export function migrationsOf(service: ServiceName): string[] {
  const files = (folder: string) => readdirSync(join(rootDir, folder, "migrations")).sort();
  return [
    ...files("chassis").map((file) => `chassis/${file}`),
    ...files(service).map((file) => `${service}/${file}`),
  ].filter((name) => name.endsWith(".sql"));
}

/**
 * Starts a service on a new data directory, without a broker and without neighbours, again and again: it has to end at each
 * of the fail points, and then to serve and to stop when it is told to.
 */
export async function startForTheFirstTime(service: ServiceName, deaths: readonly string[]): Promise<FirstStart> {
  const dataDir = mkdtempSync(join(tmpdir(), "quartet-first-start-"));
  const stackPorts = await freeStackPorts();
  const ports = stackPorts.services[service];
  const amqpUrl = `amqp://127.0.0.1:${stackPorts.amqp}`;
  const shared = { service, rootDir, dataDir, logsDir: dataDir, ports, stackPorts, amqpUrl };
  const ends: (number | NodeJS.Signals | null)[] = [];
  let said = "";

  /** Resolves with how it ended. `work` is done meanwhile. */
  const run = async (env: Environment, work: (child: ChildProcess) => Promise<void>) => {
    const { command, args, cwd, env: inherited } = serviceProcess({ ...shared, env: { ...process.env, ...env } });
    const child = spawn(command, args, { cwd, env: { ...inherited }, stdio: ["ignore", "ignore", "pipe"] });
    const limit = setTimeout(() => child.kill("SIGABRT"), runMaxMs);
    const ended = once(child, "exit");
    const heard = text(child.stderr as Readable);
    await work(child);
    const [code, signal] = await ended;
    clearTimeout(limit);
    said += await heard;
    ends.push(signal ?? code);
  };

  try {
    for (const death of deaths) await run({ FAIL_POINT: death }, async () => {});
    await run({}, async (child) => {
      await waitUntil(() => answersOk(`http://127.0.0.1:${ports.http}/readyz`), runMaxMs, 20);
      child.kill("SIGTERM");
    });
    return { deaths: deathsIn(said), ends, ...readMade(join(dataDir, service, `${service}.sqlite`)) };
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Reads from a database what its service's first start made of it. */
export function readMade(file: string): Made {
  const database = new BetterSqlite3(file, { readonly: true });
  const rows = (sql: string) => database.prepare(sql).raw().all() as unknown[][];
  const count = (table: string) => rows(`SELECT '${table}', count(*) FROM ${table}`);
  try {
    const hasKeys = rows("SELECT 1 FROM sqlite_schema WHERE name = 'signing_keys'").length > 0;
    return {
      faults: [...rows("PRAGMA integrity_check"), ...rows("PRAGMA foreign_key_check")].filter(
        ([found]) => found !== "ok",
      ),
      schema: [
        ...rows("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name"),
        ...rows("SELECT source, name, hash FROM migrations ORDER BY source, name"),
      ],
      keys: [...count("secrets"), ...(hasKeys ? count("signing_keys") : [])],
    };
  } finally {
    database.close();
  }
}
