import { spawn } from "node:child_process";
import { countResults, failureReport, type TestCounts } from "./test-counts.ts";

/** How long mocha may take to end after its last test. What still runs then was left open by a test, which is a failure. */
const exitTimeMaxMs = 60_000;

/** One run of mocha, beside others. */
export interface TestLane {
  /** Prints what it has said so far, goes on with what it says, and resolves with its counts when it has ended. */
  show(out: { write(text: string): unknown }): Promise<TestCounts>;
  /** What it has said of the tests that failed: "" where none has. */
  failures(): string;
  /** Sends a signal to it and to all that it started. */
  end(signal: NodeJS.Signals): void;
}

/** Starts mocha. A run that does not end after its last test is ended, and counts as failed. */
export function startLane(options: {
  command: string;
  args: readonly string[];
  cwd: string;
  env?: NodeJS.ProcessEnv;
  exitTimeMaxMs?: number;
}): TestLane {
  const exitTimeMs = options.exitTimeMaxMs ?? exitTimeMaxMs;
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ["ignore", "pipe", "inherit"],
    // A group of its own: mocha starts another process for its node options, and both have to end.
    detached: true,
  });
  let output = "";
  let shown: { write(text: string): unknown } | undefined;
  let isStuck = false;
  let timer: NodeJS.Timeout | undefined;

  const end = (signal: NodeJS.Signals) => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, signal);
  };
  const endStuck = () => {
    isStuck = true;
    end("SIGKILL");
  };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    shown?.write(text);
    if (timer === undefined && /^\s+\d+ passing/m.test(text)) timer = setTimeout(endStuck, exitTimeMs);
  });
  const ended = new Promise<number>((resolve) =>
    child.once("close", (status) => {
      clearTimeout(timer);
      resolve(status ?? 1);
    }),
  );

  return {
    end,
    async show(out) {
      out.write(output);
      shown = out;
      const code = await ended;
      if (isStuck) out.write(`A test left something running: mocha did not end within ${exitTimeMs / 1000} s.\n`);
      return countResults(output, code);
    },
    failures: () => failureReport(output),
  };
}
