import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { type ProcessStatus, startTicksOf } from "./run-state.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** How to run one process. */
export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Environment;
  /** Both outputs are appended to this file. */
  readonly logFile: string;
  /** How long the process may take to end after SIGTERM before it is killed. */
  readonly stopTimeoutMs: number;
  /** Lets it finish what is under way before it is told to end, in a bounded time; what it throws changes nothing. */
  readonly drain?: () => Promise<void>;
  /** For a Node program of which a second process may run at the same time: on how many ports it listens. */
  readonly sharedPorts?: number;
}

/** One process that is started again whenever it ends by itself. */
export interface SupervisedProcess {
  readonly name: string;
  status(): ProcessStatus;
  /** Starts it unless it runs. `once` is added to the environment of this start and of the restarts after it, one each. */
  start(...once: readonly Environment[]): void;
  /**
   * Puts a new process in the place of the running one, which ends only when the new one listens on the same ports. One
   * that ends or does not get that far in time changes nothing, but is told in the status. Starts what does not run, and
   * stops and starts what shares no ports.
   */
  replace(): Promise<void>;
  /** Ends it and keeps it down. SIGTERM first, SIGKILL after the limit; resolves when it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Sends a signal; what ends by it is started again. */
  kill(signal: NodeJS.Signals): void;
}

const backOffMinMs = 200;
const backOffMaxMs = 5_000;
/** A process that ran this long has not failed at start: its next restart waits the shortest time again. */
const steadyMs = 10_000;
const overlapTimeoutMs = 40_000;
const sharePorts = pathToFileURL(join(import.meta.dirname, "share-ports.ts")).href;

/** Supervises one process, stopped at first. `onChange` is called after every change of its status. */
export function superviseProcess(options: {
  spec: ProcessSpec;
  onChange?: () => void;
  now?: () => number;
}): SupervisedProcess {
  const { spec, onChange = () => {}, now = Date.now } = options;
  let child: ChildProcess | undefined;
  let wanted = false;
  let restarts = 0;
  let startTime: number | undefined;
  let startTicks: string | undefined;
  let lastExit: number | NodeJS.Signals | undefined;
  let backOffMs = backOffMinMs;
  let timer: NodeJS.Timeout | undefined;
  let candidate: ChildProcess | undefined;
  let refused: ProcessStatus["refused"];
  let additions: Environment[] = [];

  function spawnProcess({ withParent = false, addition = {} as Environment } = {}): ChildProcess {
    const args = spec.sharedPorts === undefined ? spec.args : ["--import", sharePorts, ...spec.args];
    mkdirSync(dirname(spec.logFile), { recursive: true });
    const log = openSync(spec.logFile, "a");
    try {
      // A group of its own: Ctrl-C at the terminal must not reach it before the supervisor ends things in order.
      return spawn(spec.command, args, {
        cwd: spec.cwd,
        env: { ...spec.env, ...addition },
        stdio: withParent ? ["ignore", log, log, "ipc"] : ["ignore", log, log],
        detached: true,
      });
    } finally {
      closeSync(log);
    }
  }

  /** From now on this is the process. */
  function adopt(started: ChildProcess): void {
    child = started;
    startTime = now();
    startTicks = started.pid === undefined ? undefined : startTicksOf(started.pid);
    const end = (how?: number | NodeJS.Signals) => {
      if (child !== started) return;
      child = undefined;
      lastExit = how;
      if (wanted) {
        restarts += 1;
        if (now() - (startTime ?? 0) >= steadyMs) backOffMs = backOffMinMs;
        later();
      }
      onChange();
    };
    started.once("exit", (code, signal) => end(signal ?? code ?? undefined));
    started.once("error", () => end());
    onChange();
  }

  function launch(): void {
    timer = undefined;
    adopt(spawnProcess({ addition: additions.shift() }));
  }

  /** As {@link launch}; what cannot even be begun, as on a full disk, has ended at once. */
  function launchAgain(): void {
    try {
      launch();
    } catch (error) {
      console.error(`cannot start ${spec.name}: ${error}`);
      restarts += 1;
      later();
    }
  }

  function later(): void {
    timer = setTimeout(launchAgain, backOffMs);
    backOffMs = Math.min(backOffMs * 2, backOffMaxMs);
  }

  function start(...once: readonly Environment[]): void {
    wanted = true;
    if (child !== undefined) return;
    additions = [...once];
    clearTimeout(timer);
    backOffMs = backOffMinMs;
    launch();
  }

  async function stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    wanted = false;
    clearTimeout(timer);
    timer = undefined;
    candidate?.kill("SIGKILL");
    const running = child;
    if (running === undefined) return onChange();
    if (signal === "SIGTERM") await spec.drain?.().catch(() => {});
    await end(running, signal, spec.stopTimeoutMs);
  }

  async function overlap(portCount: number): Promise<void> {
    const next = spawnProcess({ withParent: true });
    candidate = next;
    const isListening = await listensOn(portCount, next);
    candidate = undefined;
    if (!isListening || !wanted) {
      next.kill("SIGKILL");
      refused = { time: now(), how: next.signalCode ?? next.exitCode ?? undefined };
      return onChange();
    }
    next.send("stay", () => {});
    const before = child;
    clearTimeout(timer);
    adopt(next);
    if (before !== undefined) await end(before, "SIGTERM", spec.stopTimeoutMs);
  }

  return {
    name: spec.name,
    status: () => ({
      name: spec.name,
      state: child !== undefined ? "running" : wanted ? "waiting" : "stopped",
      pid: child?.pid,
      startTicks: child === undefined ? undefined : startTicks,
      restarts,
      startTime: child === undefined ? undefined : startTime,
      lastExit,
      refused,
    }),
    start,
    stop,
    async replace() {
      if (child !== undefined && spec.sharedPorts !== undefined) return await overlap(spec.sharedPorts);
      if (child !== undefined) await stop();
      start();
    },
    kill(signal) {
      child?.kill(signal);
    },
  };
}

/** Sends a signal, SIGKILL after the limit, and resolves when the process is gone. */
async function end(running: ChildProcess, signal: NodeJS.Signals, timeoutMs: number): Promise<void> {
  if (running.exitCode !== null || running.signalCode !== null) return;
  const gone = new Promise((resolve) => running.once("exit", resolve).once("error", resolve));
  running.kill(signal);
  const last = setTimeout(() => running.kill("SIGKILL"), timeoutMs);
  await gone;
  clearTimeout(last);
}

/** Whether a process that was started with its parent listens on that many ports in time. */
async function listensOn(portCount: number, next: ChildProcess): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  let count = 0;
  const answer = await new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), overlapTimeoutMs);
    next.on("message", () => {
      if (++count === portCount) resolve(true);
    });
    next.once("exit", () => resolve(false)).once("error", () => resolve(false));
  });
  clearTimeout(timer);
  return answer;
}
