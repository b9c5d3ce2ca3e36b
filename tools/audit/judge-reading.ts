import { createInterface } from "node:readline";
import { type Answer, judge, type QueueDepth } from "./judge.ts";
import { printReport } from "./print-report.ts";
import { readWaitMaxMs } from "./wait-max.ts";

// `node tools/audit/judge-reading.ts`: judges what was read by the plan of print-plan.ts and prints the report. On standard
// input, a line each: `rows JSON`, `damaged WHY` or `unseen WHY` for each look in order, `down PART`, and `queues` when the
// broker was asked, at the beginning and maybe at the end, followed by `queue NAME MESSAGES` for each.

const time = Date.now();
const answers: Answer[] = [];
const down: string[] = [];
const queueLooks: QueueDepth[][] = [];

for await (const line of createInterface({ input: process.stdin })) {
  const kind = line.split(" ", 1)[0] ?? "";
  const rest = line.slice(kind.length + 1);
  if (kind === "rows") answers.push({ rows: JSON.parse(rest) });
  else if (kind === "damaged") answers.push({ damaged: rest });
  else if (kind === "unseen") answers.push({ unseen: rest });
  else if (kind === "down") down.push(rest);
  else if (kind === "queues") queueLooks.push([]);
  else if (kind === "queue") {
    const [queue = "", messages] = rest.split(/\s+/);
    queueLooks.at(-1)?.push({ queue, messages: Number(messages) });
  } else throw new Error(`cannot read "${line.slice(0, 80)}"`);
}
const [queues, queuesAtEnd] = queueLooks;
const waitMaxMs = readWaitMaxMs(process.env);
const report = judge({ mode: "rest", time, answers, down, queues, queuesAtEnd }, { waitMaxMs });
process.exitCode = printReport(report, { time, print: (text) => console.log(text) });
