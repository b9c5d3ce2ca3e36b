import { spawn } from "node:child_process";
import { eventually } from "@quartet/chassis/testing/eventually";

/** A running example. */
export interface ExampleProcess {
  /** What it wrote so far, to both outputs. */
  readonly output: string;
  /** Resolves when it has written something that matches. */
  writes(pattern: RegExp): Promise<void>;
  /** Ends it by a signal and resolves like `ended`. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
  /** Resolves with its exit code, or the signal it died of. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

const writeTimeoutMs = 30_000;

/** Starts a program of the examples. */
export function startExample(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ExampleProcess {
  const child = spawn(command, [...args], { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  let isOver = false;
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      isOver = true;
      resolve(signal ?? code ?? 1);
    });
  });
  return {
    get output() {
      return output;
    },
    ended,
    async writes(pattern) {
      const isThere = () => pattern.test(output) || isOver;
      await eventually(`${pattern} in the output of ${command}`, isThere, writeTimeoutMs).catch((error: Error) => {
        throw new Error(`${error.message}\n${output}`);
      });
      if (!pattern.test(output)) throw new Error(`${command} ended without writing ${pattern}:\n${output}`);
    },
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      return ended;
    },
  };
}
