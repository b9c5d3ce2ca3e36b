import { StackError } from "../stack/stack-error.ts";
import { waitMaxDefaultMs } from "./judge.ts";

/** How long something may wait for parts that are up before it counts as wrong: WAIT_S, in seconds. */
export function readWaitMaxMs({ WAIT_S }: Readonly<Record<string, string | undefined>>): number {
  const waitMaxMs = WAIT_S ? Number(WAIT_S) * 1000 : waitMaxDefaultMs;
  if (!(waitMaxMs >= 0)) throw new StackError(`WAIT_S must be a number of seconds, not "${WAIT_S}".`);
  return waitMaxMs;
}
