import { spawn } from "node:child_process";
import { join } from "node:path";
import { readableFault } from "./readable-fault.ts";
import { compileCache } from "./service-process.ts";
import type { StackConfig } from "./stack-config.ts";

const timeoutMs = 30_000;
const loadEverything = 'await import("./src/service.ts");';

/**
 * Why the code of a service, as it is now on disk, cannot be loaded: a syntax error, or something imported that is not
 * exported. Undefined when it can. Starts nothing of it, but leaves it compiled for the process that will.
 */
export async function whyNotLoaded(
  { rootDir, dataDir }: Pick<StackConfig, "rootDir" | "dataDir">,
  service: string,
): Promise<string | undefined> {
  const args = ["--conditions=source", "--input-type=module", "--eval", loadEverything];
  const child = spawn(process.execPath, args, {
    cwd: join(rootDir, service),
    env: { PATH: process.env.PATH, ...compileCache(dataDir) },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: timeoutMs,
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const code = await new Promise<number | null>((resolve) => {
    child.once("error", () => resolve(null));
    child.once("close", resolve);
  });
  return code === 0 ? undefined : readableFault(said, rootDir);
}
