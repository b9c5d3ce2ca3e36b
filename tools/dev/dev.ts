import { createLogStream, type LogForm } from "../logs/log-stream.ts";
import { streamLogs } from "../logs/show-logs.ts";
import { down } from "../stack/down.ts";
import { waitUntil } from "../stack/ready.ts";
import { askSupervisor } from "../stack/requests.ts";
import { isAlive, readRunState } from "../stack/run-state.ts";
import type { StackConfig } from "../stack/stack-config.ts";
import { up } from "../stack/up.ts";
import { createReload, type Report } from "./reload.ts";
import { readSourceFiles } from "./source-files.ts";
import { watchSources } from "./watch-sources.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Lines of each part from before that are shown at the start. */
const linesBefore = 10;
const aliveIntervalMs = 500;
const startTimeoutMs = 20_000;

/**
 * Works on a native stack until it is interrupted: brings up what is missing, shows all logs as one, and reloads what
 * depends on a file that changes. Ends what it started itself, and nothing else.
 */
export async function dev(options: {
  config: StackConfig;
  env: Environment;
  form: LogForm;
  /** Called when everything runs: adds products and an administrator. */
  seed: () => Promise<void>;
  say: (line: string) => void;
}): Promise<void> {
  const { config, env, form, seed, say } = options;
  const interrupted = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, resolve);
  });
  const startTime = Date.now();
  const wasRunning = isSupervised(config.dataDir);
  // Before anything starts: what is saved from now on is newer than what runs.
  const files = readSourceFiles(config.rootDir);
  const endings: (() => void)[] = [];
  try {
    let isSettled = false;
    const started = up(config, env, say)
      .then(seed)
      .finally(() => {
        isSettled = true;
      });
    if (!(await Promise.race([started.then(() => true), interrupted.then(() => false)]))) {
      started.catch(() => {});
      // A supervisor that is about to start can be ended only once it is there.
      await waitUntil(() => isSettled || isSupervised(config.dataDir), startTimeoutMs);
      return;
    }

    const since = wasRunning ? undefined : startTime;
    const stream = createLogStream(form, (text) => process.stdout.write(text), { since });
    process.stdout.on("error", () => process.kill(process.pid, "SIGTERM"));
    const report: Report = (level, message, more = []) => {
      stream.addEntry({ time: Date.now(), part: "dev", level, traceId: undefined, message, fields: {}, more });
    };
    endings.push(streamLogs(config.dataDir, stream, { linesMax: linesBefore }), stream.flush);

    const reload = createReload({ config, files, report });
    const old = wasRunning ? changedSinceStart(config.dataDir, files.writtenAfter) : [];
    report(
      "info",
      `Watching the sources of ${config.rootDir}. Gateway: http://localhost:${config.ports.gateway}. Ctrl-C ends.`,
    );
    endings.push(watchSources(config.rootDir, files, reload, old));

    const gone = new Promise<boolean>((resolve) => {
      const timer = setInterval(() => {
        if (!isSupervised(config.dataDir)) resolve(true);
      }, aliveIntervalMs);
      endings.push(() => clearInterval(timer));
    });
    if (await Promise.race([interrupted.then(() => false), gone])) say("The stack was stopped by somebody else.");
  } finally {
    for (const end of endings) end();
    if (wasRunning) leaveRunning(config.dataDir, say);
    else if (await down(config.dataDir, say)) say("Stopped; data stays.");
  }
}

/** What ran before goes on, also what was held because its code failed. */
function leaveRunning(dataDir: string, say: (line: string) => void): void {
  if (!isSupervised(dataDir)) return;
  for (const { name, state } of readRunState(dataDir)?.processes ?? []) {
    if (state === "stopped") askSupervisor(dataDir, { action: "start", part: name });
  }
  say("What ran before goes on: `make down` stops it.");
}

function isSupervised(dataDir: string): boolean {
  const state = readRunState(dataDir);
  return state !== undefined && isAlive(state.supervisor);
}

/** What was written after the part of the running stack that started first, which may not know it. */
function changedSinceStart(dataDir: string, writtenAfter: (time: number) => string[]): string[] {
  const times = (readRunState(dataDir)?.processes ?? []).flatMap(({ startTime }) => startTime ?? []);
  return times.length === 0 ? [] : writtenAfter(Math.min(...times));
}
