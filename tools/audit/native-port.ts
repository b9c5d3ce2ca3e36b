import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { isGone, readSnapshot } from "../../chassis/src/storage/read-snapshot.ts";
import { isPartReady } from "../stack/part-ready.ts";
import { privateBrokerUrl } from "../stack/rabbitmq.ts";
import { isAlive, readRunState } from "../stack/run-state.ts";
import { type StackConfig, serviceNames } from "../stack/stack-config.ts";
import type { AuditPort } from "./audit.ts";
import { databaseFile } from "./database-file.ts";
import { queueDepths } from "./queue-depths.ts";

/**
 * The native stack in this configuration's data directory, running or not: its files are there in any case. Where it runs
 * it is asked as it was configured.
 */
export function nativePort(own: StackConfig): AuditPort {
  const { dataDir } = own;
  const look = () => {
    const state = readRunState(dataDir);
    const isRunning = state !== undefined && isAlive(state.supervisor);
    return isRunning ? state : { config: own, processes: [] };
  };
  const down = async () => {
    const { config, processes } = look();
    const names = [...serviceNames, ...(config.amqpUrl === undefined ? ["rabbitmq"] : [])];
    const ready = await Promise.all(
      names.map(async (name) => {
        const status = processes.find((one) => one.name === name);
        return status !== undefined && (await isPartReady(config, status));
      }),
    );
    return names.filter((_, position) => !ready[position]);
  };
  return {
    read: async (source, queries) => readSnapshot(databaseFile(dataDir, source), queries) as Record<string, unknown[]>,
    isLost(source) {
      const file = databaseFile(dataDir, source);
      // A service that never ran here has no folder, and where there is no file at all nothing was lost.
      const others = serviceNames.filter((name) => name !== source);
      return isGone(file) && existsSync(dirname(file)) && !others.every((name) => isGone(databaseFile(dataDir, name)));
    },
    async queues() {
      if ((await down()).includes("rabbitmq")) throw new Error("the broker is down");
      const { config } = look();
      return await queueDepths(config.amqpUrl ?? privateBrokerUrl(dataDir, config.ports.amqp));
    },
    down,
  };
}
