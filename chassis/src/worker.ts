import type { LeaderLock } from "./storage/leader-lock.ts";

/** A part that runs in only one process of a service at a time: the one that leads. */
export interface Worker {
  start(): void;
  /** Resolves when nothing of it runs any more. */
  stop(): Promise<void>;
}

/** Workers that start when this process begins to lead and stop when it ends. */
export function createWorkerGroup(options: {
  leader: Pick<LeaderLock, "isLeader" | "onChange">;
  workers: readonly Worker[];
}): Worker {
  const { leader, workers } = options;
  let isStarted = false;
  let isRunning = false;
  let stopped: Promise<unknown> = Promise.resolve();

  const follow = () => {
    const shouldRun = isStarted && leader.isLeader;
    if (shouldRun === isRunning) return;
    isRunning = shouldRun;
    if (shouldRun) for (const worker of workers) worker.start();
    else stopped = Promise.all(workers.map((worker) => worker.stop()));
  };
  leader.onChange(follow);

  return {
    start() {
      isStarted = true;
      follow();
    },
    async stop() {
      isStarted = false;
      follow();
      await stopped;
    },
  };
}
