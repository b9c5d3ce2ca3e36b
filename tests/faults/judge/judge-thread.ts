import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { AuditSource } from "../../../tools/audit/finding.ts";

/** What the thread is asked. */
export type JudgeQuestion =
  | { readonly kind: "storm"; readonly dataDir: string; readonly acknowledged: readonly string[] }
  | { readonly kind: "file"; readonly source: AuditSource; readonly file: string };

/** What it answers: what is not as it must be, in words. */
export interface JudgeAnswer {
  readonly id: number;
  readonly problems: readonly string[];
}

/** The audit in a thread of its own, so that customers are not kept waiting while it reads. */
export interface JudgeThread {
  ask(question: JudgeQuestion): Promise<readonly string[]>;
  end(): Promise<void>;
}

/** Judges what must hold at every read, again and again while something goes wrong. */
export interface StormJudge {
  /** How often it has read everything. */
  readings(): number;
  /** Each thing that did not hold, once. */
  readonly problems: ReadonlySet<string>;
  stop(): Promise<void>;
}

/** Starts the thread. */
export function startJudgeThread(): JudgeThread {
  const worker = new Worker(new URL("./judge-thread.worker.ts", import.meta.url));
  const waiting = new Map<number, PromiseWithResolvers<readonly string[]>>();
  let lastId = 0;
  worker.on("message", ({ id, problems }: JudgeAnswer) => {
    waiting.get(id)?.resolve(problems);
    waiting.delete(id);
  });
  worker.on("error", (error) => {
    for (const { reject } of waiting.values()) reject(error);
  });
  return {
    ask(question) {
      const answer = Promise.withResolvers<readonly string[]>();
      lastId += 1;
      waiting.set(lastId, answer);
      worker.postMessage({ id: lastId, question });
      return answer.promise;
    },
    async end() {
      await worker.terminate();
    },
  };
}

/** Starts to judge a native system. `acknowledged` are the orders that must be there, at the moment it is asked. */
export function startStormJudge(options: {
  thread: JudgeThread;
  dataDir: string;
  acknowledged: () => readonly string[];
  pauseMs: number;
}): StormJudge {
  const { thread, dataDir, acknowledged, pauseMs } = options;
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
