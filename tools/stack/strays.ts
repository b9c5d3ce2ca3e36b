import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { type RecordedProcess, startTicksOf } from "./run-state.ts";

/**
 * Processes of the native stack with this data directory, found without its record: the record may be lost. Told by what
 * only they have in their command or environment, so that whoever merely reads the data is none of them.
 */
export function findStrays(dataDir: string): RecordedProcess[] {
  return pids().flatMap((pid) => {
    const name = nameOf(pid, dataDir);
    const startTicks = startTicksOf(pid);
    return name === undefined || startTicks === undefined ? [] : [{ name, pid, startTicks }];
  });
}

function pids(): number[] {
  try {
    return readdirSync("/proc")
      .map(Number)
      .filter((pid) => Number.isInteger(pid) && pid !== process.pid);
  } catch {
    return [];
  }
}

function nameOf(pid: number, dataDir: string): string | undefined {
  const args = words(pid, "cmdline");
  const isDaemon = args.some((arg) => arg.endsWith("daemon.ts"));
  if (isDaemon && args.includes(join(dataDir, "run", "plan.json"))) return "supervisor";
  const isGateway = args.includes("--use-dynamic-base-id");
  if (isGateway && args.includes(join(dataDir, "envoy", "envoy.yaml"))) return "envoy";
  const environment = words(pid, "environ");
  if (environment.includes(`RABBITMQ_MNESIA_BASE=${join(dataDir, "rabbitmq", "data")}`)) return "rabbitmq";
  if (basename(args[0] ?? "") === "epmd" && folderOf(pid) === join(dataDir, "rabbitmq")) return "epmd";
  if (!args.includes("src/main.ts")) return undefined;
  const data = environment.find((entry) => entry.startsWith(`DATA_DIR=${dataDir}/`));
  return data === undefined ? undefined : basename(data);
}

/** Nothing for a process that is gone or another user's. */
function words(pid: number, file: "cmdline" | "environ"): string[] {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8").split("\0");
  } catch {
    return [];
  }
}

function folderOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}
