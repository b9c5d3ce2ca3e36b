import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { resetAdmin } from "../../tools/stack/admin-account.ts";
import { type Stack, type StackOptions, startStack } from "../../tools/stack/stack.ts";
import type { ServiceName } from "../../tools/stack/stack-config.ts";
import type { System } from "./system.ts";

const rootDir = join(import.meta.dirname, "..", "..");
/** Tests call faster than people. */
const noLimit = { burst: 100_000, perSecond: 100_000 };

/** A system of processes on this machine, with its stack for tests that need more of it. */
export interface NativeSystem extends System {
  readonly stack: Stack;
}

/** Starts a whole shop on free ports, with an administrator. */
export async function startNativeSystem(options: Partial<StackOptions> = {}): Promise<NativeSystem> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "quartet-e2e-"));
  const rateLimits = { address: noLimit, read: noLimit, write: noLimit, credential: noLimit };
  const stack = await startStack({ ...options, dataDir, rootDir, rateLimits });
  await stack.ready();
  const admin = await resetAdmin({ rootDir, dataDir, env: process.env });

  const fileOf = (source: ServiceName | "test-provider") =>
    join(dataDir, source === "test-provider" ? "payment-svc" : source, `${source}.sqlite`);

  return {
    stack,
    gateway: stack.urls.gateway,
    admin,
    stop: (part) => stack.stop(part),
    async start(part) {
      stack.start(part);
      await stack.ready({ names: [part] });
    },
    kill: async (part) => stack.kill(part),
    ready: () => stack.ready(),
    async query<Row>(source: ServiceName | "test-provider", sql: string): Promise<Row[]> {
      const database = new BetterSqlite3(fileOf(source), { readonly: true });
      try {
        return database.prepare(sql).all() as Row[];
      } finally {
        database.close();
      }
    },
    async close() {
      await stack.down();
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
