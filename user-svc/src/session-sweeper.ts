import type { Logger } from "@quartet/chassis/log";
import type { Worker } from "@quartet/chassis/worker";
import type { UserStore } from "./app/ports.ts";

const intervalMs = 60_000;
const sliceMax = 200;

/** Creates the worker that removes sessions that can no longer be renewed, in short transactions. */
export function createSessionSweeper(deps: {
  users: Pick<UserStore, "removeExpiredSessions">;
  now: () => number;
  log: Logger;
}): Worker {
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<void> = Promise.resolve();
  const sweep = async () => {
    try {
      while ((await deps.users.removeExpiredSessions(deps.now(), sliceMax)) === sliceMax);
    } catch (error) {
      deps.log.error({ err: error }, "cannot remove expired sessions");
    }
  };
  return {
    start() {
      timer = setInterval(() => {
        underWay = sweep();
      }, intervalMs);
    },
    async stop() {
      clearInterval(timer);
      await underWay;
    },
  };
}
