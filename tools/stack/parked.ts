import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { type ServiceName, type StackConfig, serviceNames } from "./stack-config.ts";
import { StackError } from "./stack-error.ts";

const program = "chassis/src/parked/main.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What make parked was asked for: which message, all of them when it is not said, and whether to try it again. */
export function parkedRequest(env: Environment): string[] {
  const { ID, ALL, REPLAY } = env;
  if (ID && ALL) throw new StackError("Say either ID= or ALL=1.");
  if (REPLAY && !ID && !ALL) throw new StackError("Say which to try again: ID=, or ALL=1 for all.");
  return [ID || "all", REPLAY ? "replay" : "show"];
}

/**
 * Shows what a service has parked, or what all have, and has them try it again. Returns the exit code. The services may run
 * or not.
 */
export async function showParked(config: StackConfig, part: string | undefined, env: Environment): Promise<number> {
  const request = parkedRequest(env);
  if (part !== undefined && !serviceNames.includes(part as ServiceName)) {
    throw new StackError(`SVC= takes one of ${serviceNames.join(", ")}.`);
  }
  if (part === undefined && env.ID) throw new StackError("Say whose message that is: SVC=order-svc, for instance.");
  let worst = 0;
  for (const service of part === undefined ? serviceNames : [part]) {
    const file = join(config.dataDir, service, `${service}.sqlite`);
    const child = spawn(process.execPath, ["--conditions=source", program, file, ...request], {
      cwd: config.rootDir,
      env,
      stdio: ["ignore", "inherit", "inherit"],
    });
    const [code] = await once(child, "close");
    worst = Math.max(worst, code ?? 1);
  }
  return worst;
}
