import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A program of a test's own, to be killed or waited for. */
export interface TestProcess {
  /** The next line it wrote. Rejects when it ended before. */
  nextLine(): Promise<string>;
  /** Kills it as nothing can be caught and resolves when it is gone. */
  kill(): Promise<void>;
  /** Resolves with its exit code, or null when it was killed. */
  readonly exit: Promise<number | null>;
}

/**
 * Runs a TypeScript file in a Node process under the conditions of this one: of the sources in the workspace, of the
 * compiled libraries elsewhere. Its standard error is the test's.
 */
export function startTestProcess(file: URL, args: readonly string[]): TestProcess {
  const conditions = process.execArgv.filter((option) => option.startsWith("--conditions="));
  const child = spawn(process.execPath, [...conditions, fileURLToPath(file), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = once(child, "close").then(([code]) => code as number | null);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    exit,
    async nextLine() {
      const { value, done } = await lines.next();
      if (done) throw new Error(`the process ended with ${await exit}`);
      return value;
    },
    async kill() {
      child.kill("SIGKILL");
      await exit;
    },
  };
}
