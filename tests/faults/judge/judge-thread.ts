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
