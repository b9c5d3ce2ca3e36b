import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { type ProcessStatus, startTicksOf } from "./run-state.ts";

/** How to run one process. */
export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Both outputs are appended to this file. */
  readonly logFile: string;
  /** How long the process may take to end after SIGTERM before it is killed. */
  readonly stopTimeoutMs: number;
}

/** One process that is started again whenever it ends by itself. */
export interface SupervisedProcess {
  readonly name: string;
  status(): ProcessStatus;
  /** Starts it unless it runs. */
  start(): void;
  /** Ends it and keeps it down. SIGTERM first, SIGKILL after the limit; resolves when it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Sends a signal; what ends by it is started again. */
  kill(signal: NodeJS.Signals): void;
}

const backOffMinMs = 200;
const backOffMaxMs = 5_000;
/** A process that ran this long has not failed at start: its next restart waits the shortest time again. */
const steadyMs = 10_000;

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

  function launch(): void {
    timer = undefined;
    mkdirSync(dirname(spec.logFile), { recursive: true });
    const log = openSync(spec.logFile, "a");
    // A group of its own: Ctrl-C at the terminal must not reach it before the supervisor ends things in order.
    const started = spawn(spec.command, [...spec.args], {
      cwd: spec.cwd,
      env: { ...spec.env },
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
    child = started;
    startTime = now();
    startTicks = started.pid === undefined ? undefined : startTicksOf(started.pid);
    let ended = false;
    const end = (how?: number | NodeJS.Signals) => {
      if (ended) return;
      ended = true;
      child = undefined;
      lastExit = how;
      if (wanted) {
        restarts += 1;
        if (now() - (startTime ?? 0) >= steadyMs) backOffMs = backOffMinMs;
        timer = setTimeout(launch, backOffMs);
        backOffMs = Math.min(backOffMs * 2, backOffMaxMs);
      }
      onChange();
    };
    started.once("exit", (code, signal) => end(signal ?? code ?? undefined));
    started.once("error", () => end());
    onChange();
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
    }),
    start() {
      wanted = true;
      if (child !== undefined) return;
      clearTimeout(timer);
      backOffMs = backOffMinMs;
      launch();
    },
    async stop(signal = "SIGTERM") {
      wanted = false;
      clearTimeout(timer);
      timer = undefined;
      const running = child;
      if (running === undefined) return onChange();
      const gone = new Promise((resolve) => running.once("exit", resolve).once("error", resolve));
      running.kill(signal);
      const last = setTimeout(() => running.kill("SIGKILL"), spec.stopTimeoutMs);
      await gone;
      clearTimeout(last);
    },
    kill(signal) {
      child?.kill(signal);
    },
  };
}
