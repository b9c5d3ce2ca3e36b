import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSnapshot } from "@quartet/chassis/storage/read-snapshot";
import { eventually } from "@quartet/chassis/testing/eventually";
import { databaseFile } from "../../tools/audit/database-file.ts";
import type { AuditSource } from "../../tools/audit/finding.ts";
import { queueDepths } from "../../tools/audit/queue-depths.ts";
import { resetAdmin } from "../../tools/stack/admin-account.ts";
import { unreachedServices } from "../../tools/stack/gateway-reaches.ts";
import { lastLogLines } from "../../tools/stack/log-tail.ts";
import { type Stack, type StackOptions, startStack } from "../../tools/stack/stack.ts";
import { reachable } from "./reachable.ts";
import { logIn } from "./shop-client.ts";
import type { PartName, System } from "./system.ts";

const rootDir = join(import.meta.dirname, "..", "..");
/** Tests call faster than people. */
const noLimit = { burst: 100_000, perSecond: 100_000 };

/** A system of processes on this machine, with its stack for tests that need more of it. */
export interface NativeSystem extends System {
  readonly stack: Stack;
  readonly dataDir: string;
}

/** Starts a whole shop on free ports, with an administrator. */
export async function startNativeSystem(options: Partial<StackOptions> = {}): Promise<NativeSystem> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "quartet-e2e-"));
  const rateLimits = { address: noLimit, read: noLimit, write: noLimit, credential: noLimit };
  const stack = await startStack({ ...options, dataDir, rootDir, rateLimits });
  const close = async () => {
    await stack.down();
    if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    await stack.ready();
    const isReached = async () => (await unreachedServices(stack.ports)).length === 0;
    await eventually("the gateway reaches every service", isReached);
    const admin = await resetAdmin({ rootDir, dataDir, env: process.env });
    const { token = "" } = await logIn(stack.urls.gateway, admin);
    return { ...nativeSystem({ stack, dataDir, token }), admin, close };
  } catch (error) {
    for (const { name } of stack.status())
      console.error(`${name}:\n${lastLogLines(join(dataDir, "logs", `${name}.log`))}`);
    await close();
    throw error;
  }
}

function nativeSystem(options: {
  stack: Stack;
  dataDir: string;
  token: string;
}): Omit<NativeSystem, "admin" | "close"> {
  const { stack, dataDir, token } = options;
  const isBack = async (part: PartName) => {
    await stack.ready({ names: [part] });
    await reachable(stack.urls.gateway, token, part);
  };
  const read = async (source: AuditSource, queries: Readonly<Record<string, string>>) =>
    readSnapshot(databaseFile(dataDir, source), queries);

  return {
    stack,
    dataDir,
    gateway: stack.urls.gateway,
    stop: (part) => stack.stop(part),
    async start(part) {
      stack.start(part);
      await isBack(part);
    },
    async kill(part) {
      const restarts = () => stack.status().find(({ name }) => name === part)?.restarts ?? 0;
      const before = restarts();
      stack.kill(part);
      await eventually(`${part} is dead`, () => restarts() > before);
      await isBack(part);
    },
    ready: () => stack.ready(),
    logs: async (service) => stack.logs(service),
    read,
    queues: () => queueDepths(stack.urls.amqp),
    query: async <Row>(source: AuditSource, sql: string) => (await read(source, { rows: sql })).rows as Row[],
  };
}
