import { execFile, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import type { ServiceName } from "../../../tools/stack/stack-config.ts";
import type { NativeSystem } from "../../e2e/native-system.ts";

/** The unit of times in proc(5), USER_HZ: 100 a second on every Linux that Node runs on. */
const tickMs = 10;

/** Which processors are whose. */
export interface Processors {
  /** Those of the callers, as taskset knows them. */
  readonly callers: string;
  /** Puts the gateway with the callers, or among the services. */
  moveGateway(system: NativeSystem, isApart: boolean): Promise<void>;
  /** What share of the shop's processors the gateway takes from now on until that is asked: none while it is apart. */
  watchGateway(system: NativeSystem): () => number;
  /** Leaves a service an eighth of the first processor until that is called. */
  slowDown(system: NativeSystem, service: ServiceName): Promise<() => Promise<void>>;
  giveBack(): Promise<void>;
}

/** Gives the last processor to the callers, the others to this process and all that it starts. Undefined where there is one. */
export async function shareProcessors(): Promise<Processors | undefined> {
  const count = availableParallelism();
  if (count < 2 || process.platform !== "linux") return undefined;
  const [callers, shop] = [String(count - 1), `0-${count - 2}`];
  await keepTo(shop, process.pid);
  const loop = "const parent = process.ppid; while (process.ppid === parent);";
  let isGatewayApart = true;
  const busy = spawn("taskset", ["-c", callers, "chrt", "--idle", "0", process.execPath, "-e", loop]);
  return {
    callers,
    async moveGateway(system, isApart) {
      isGatewayApart = isApart;
      await keepTo(isApart ? callers : shop, pidOf(system, "envoy"));
    },
    watchGateway(system) {
      const [startTime, usedMs] = [performance.now(), processorTimeMs(pidOf(system, "envoy"))];
      return () => {
        const shopTimeMs = (performance.now() - startTime) * (count - 1);
        return isGatewayApart ? 0 : (processorTimeMs(pidOf(system, "envoy")) - usedMs) / shopTimeMs;
      };
    },
    async slowDown(system, service) {
      await keepTo("0", pidOf(system, service));
      // Each in a session of its own, as every service is: Linux shares a processor between sessions.
      const start = () => spawn("taskset", ["-c", "0", process.execPath, "-e", loop], { detached: true });
      const rivals = Array.from({ length: 7 }, start);
      return async () => {
        for (const rival of rivals) rival.kill("SIGKILL");
        await keepTo(shop, pidOf(system, service));
      };
    },
    async giveBack() {
      busy.kill("SIGKILL");
      await keepTo(`0-${count - 1}`, process.pid);
    },
  };
}

async function keepTo(processors: string, pid: number | undefined): Promise<void> {
  await promisify(execFile)("taskset", ["-acp", processors, String(pid)]);
}

function pidOf(system: NativeSystem, part: ServiceName | "envoy"): number | undefined {
  return system.stack.status().find(({ name }) => name === part)?.pid;
}

/** What a process has used so far. Fields 14 and 15 of proc(5) stat, counted after the name, which may have spaces. */
function processorTimeMs(pid: number | undefined): number {
  const [, fields = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const [user, kernel] = fields.split(" ").slice(11, 13);
  return (Number(user) + Number(kernel)) * tickMs;
}

/** How often to look at the pace, and what is done then: some milliseconds of what services do, a hundredth of the time. */
const paceIntervalMs = 500;
const pieceCount = 2_000;

/** Measures the pace of this process's processors until it is asked: pieces of work in a millisecond of processor time. */
export function watchPace(): () => number {
  let [pieces, usedMs] = [0, 0];
  const timer = setInterval(() => {
    const usage = process.cpuUsage();
    for (let piece = 0; piece < pieceCount; piece++) {
      JSON.parse(JSON.stringify({ piece, text: "x".repeat(piece % 100) }));
    }
    const { user, system } = process.cpuUsage(usage);
    pieces += pieceCount;
    usedMs += (user + system) / 1_000;
  }, paceIntervalMs);
  return () => {
    clearInterval(timer);
    return pieces / usedMs;
  };
}
