import { setTimeout as delay } from "node:timers/promises";
import { type JudgeThread, startJudgeThread } from "./judge-thread.ts";

/** Judges what must hold at every read, again and again while something goes wrong. */
export interface StormJudge {
  /** How often it has read everything. */
  readings(): number;
  /** Each thing that did not hold, once. */
  readonly problems: ReadonlySet<string>;
  stop(): Promise<void>;
}

/** Between two readings of all databases. */
const pauseMs = 3_000;

/** Starts to judge a native system. `acknowledged` are the orders that must be there, at the moment it is asked. */
export function startStormJudge(options: {
  thread: JudgeThread;
  dataDir: string;
  acknowledged: () => readonly string[];
}): StormJudge {
  const { thread, dataDir, acknowledged } = options;
  const problems = new Set<string>();
  const stopping = new AbortController();
  let readings = 0;
  const run = async () => {
    while (!stopping.signal.aborted) {
      for (const problem of await thread.ask({ kind: "storm", dataDir, acknowledged: acknowledged() })) {
        problems.add(problem);
      }
      readings += 1;
      await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
  };
  const running = run().catch((error: Error) => problems.add(`the judge itself: ${error.message}`));
  return {
    readings: () => readings,
    problems,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** The same in a thread of its own, which ends with it. */
export function judgeMeanwhile(dataDir: string, acknowledged: () => readonly string[] = () => []): StormJudge {
  const thread = startJudgeThread();
  const judge = startStormJudge({ thread, dataDir, acknowledged });
  return {
    ...judge,
    async stop() {
      await judge.stop();
      await thread.end();
    },
  };
}
