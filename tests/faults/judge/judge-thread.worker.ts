import { parentPort } from "node:worker_threads";
import { readSnapshot } from "@quartet/chassis/storage/read-snapshot";
import { audit } from "../../../tools/audit/audit.ts";
import { databaseFile } from "../../../tools/audit/database-file.ts";
import { describeFinding } from "../../../tools/audit/finding.ts";

import { fileRules } from "../../../tools/audit/rules/files.ts";
import type { JudgeAnswer, JudgeQuestion } from "./judge-thread.ts";

/** While parts die, what waits may wait for longer than usual. */
const waitMaxMs = 3_600_000;

parentPort?.on("message", ({ id, question }: { id: number; question: JudgeQuestion }) => {
  const answer = question.kind === "storm" ? judgeStorm(question) : Promise.resolve(judgeFile(question));
  void answer
    .catch((error: Error) => [`the judge itself: ${error.message}`])
    .then((problems) => parentPort?.postMessage({ id, problems } satisfies JudgeAnswer));
});

async function judgeStorm({ dataDir, acknowledged }: Extract<JudgeQuestion, { kind: "storm" }>): Promise<string[]> {
  const read: Parameters<typeof audit>[0]["read"] = async (source, queries) =>
    readSnapshot(databaseFile(dataDir, source), queries);
  const { findings, unseen } = await audit({ read }, { mode: "storm", acknowledged, waitMaxMs });
  return [...findings.map(describeFinding), ...unseen];
}

/** Opens a copy of a database as a process would after a crash. */
function judgeFile({ source, file }: Extract<JudgeQuestion, { kind: "file" }>): string[] {
  const rules = fileRules.filter((rule) => rule.source === source);
  const rows = readSnapshot(file, Object.fromEntries(rules.map(({ name, sql }) => [name, sql])));
  return Object.values(rows)
    .flat()
    .map((row) => `I9 ${source} after a kill: ${(row as { what: string }).what}`);
}
