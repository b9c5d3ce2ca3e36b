import { existsSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { isAlive, readRunState } from "../stack/run-state.ts";
import type { StackConfig } from "../stack/stack-config.ts";
import { StackError } from "../stack/stack-error.ts";
import { findStrays } from "../stack/strays.ts";
import { backUp } from "./back-up.ts";
import { describeBackup, describeReplayed, describeRestored } from "./describe.ts";
import { emptyQueues } from "./empty-broker.ts";
import { markForReplay } from "./replay.ts";
import { restore } from "./restore.ts";
import { readSince } from "./since.ts";

type Environment = Readonly<Record<string, string | undefined>>;
type Report = (line: string) => void;

/** Backs the native stack up into TO, or a new folder in backups/. */
export async function backUpNative({ rootDir, dataDir }: StackConfig, env: Environment, report: Report): Promise<void> {
  const name = new Date().toISOString().replace(/[:.]/g, "-");
  const target = resolve(rootDir, env.TO || join("backups", name));
  for (const line of describeBackup(await backUp({ dataDir, target }))) report(line);
  report(`make restore FROM=${target}`);
}

/** Restores the native stack from FROM. Nothing of it may run. */
export async function restoreNative(config: StackConfig, env: Environment, report: Report): Promise<void> {
  const { rootDir, dataDir, amqpUrl } = config;
  if (!env.FROM) throw new StackError("Say which backup with FROM=, as in `make restore FROM=backups/…`.");
  const from = resolve(rootDir, env.FROM);
  if (!existsSync(from)) throw new StackError(`There is no ${from}.`);
  const state = readRunState(dataDir);
  if ((state !== undefined && isAlive(state.supervisor)) || findStrays(dataDir).length > 0) {
    throw new StackError("Quartet is running: stop everything first, with `make down`.");
  }
  // What its messages tell of may not have happened any more; what has is in the outboxes.
  const emptyBroker = async () => {
    if (amqpUrl === undefined) rmSync(join(dataDir, "rabbitmq", "data"), { recursive: true, force: true });
    else await emptyQueues(amqpUrl);
  };
  for (const line of describeRestored(await restore({ dataDir, from, emptyBroker }))) report(line);
}

/** Marks events of the native stack to be published again, whether it runs or not. */
export function replayNative({ dataDir }: StackConfig, env: Environment, report: Report): void {
  for (const line of describeReplayed(markForReplay(dataDir, { since: readSince(env) }))) report(line);
}
