import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/** The file that a command name stands for on this PATH; undefined when there is none. */
export function findOnPath(name: string, env: Environment): string | undefined {
  for (const folder of (env.PATH ?? "").split(delimiter)) {
    const file = join(folder || ".", name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not here: the next folder.
    }
  }
  return undefined;
}

/** Runs a short command and returns what it printed to both outputs; undefined when it failed or is missing. */
export function outputOf(command: string, args: readonly string[], timeoutMs = 20_000): string | undefined {
  const result = spawnSync(command, [...args], { encoding: "utf8", timeout: timeoutMs });
  return result.status === 0 ? `${result.stdout}${result.stderr}` : undefined;
}

/** Runs a command with its output on ours (stderr). Resolves to its exit code, 127 when it cannot be started. */
export async function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: Environment } = {},
): Promise<number> {
  const child = spawn(command, [...args], {
    cwd: options.cwd,
    env: { ...(options.env ?? process.env) },
    stdio: ["ignore", 2, 2],
  });
  return await new Promise((resolve) => {
    child.once("error", () => resolve(127));
    child.once("exit", (code) => resolve(code ?? 1));
  });
}
