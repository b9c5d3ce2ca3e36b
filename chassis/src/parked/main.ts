// Shows the messages that a service has parked, and has it try them again:
//   node --conditions=source ../chassis/src/parked/main.ts DATABASE [ID | all] [replay]
// It works beside the running service, a second process on the same database, which looks for such messages all the time;
// and without it, which then tries them at its next start.
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { loadContract } from "../contract.ts";
import { openDatabase } from "../storage/database.ts";
import { createInbox, type ParkedMessage } from "../storage/inbox.ts";
import { describeParked, summarizeParked } from "./describe-parked.ts";

const shownMax = 100_000;
const outcomeTimeMaxMs = 3_000;
const lookIntervalMs = 100;

const [file = "", id = "all", action = "show"] = process.argv.slice(2);
if (!file.endsWith(".sqlite") || !["show", "replay"].includes(action)) {
  console.error("usage: node --conditions=source ../chassis/src/parked/main.ts DATABASE [ID | all] [replay]");
  process.exit(2);
}
const service = basename(file, ".sqlite");
if (!existsSync(file)) {
  console.error(`${service} has no database yet`);
  process.exit(1);
}

const database = openDatabase({ file });
const inbox = createInbox({ database, now: Date.now });
try {
  const parked =
    id === "all" ? inbox.parkedList(shownMax) : inbox.parkedList(shownMax).filter(({ message }) => message.id === id);
  if (id !== "all" && parked.length === 0) {
    console.error(`${service} has parked no message ${id}`);
    process.exitCode = 1;
  } else if (action === "replay") await replay(parked);
  else show(parked);
} finally {
  await database.close();
}

function show(parked: readonly ParkedMessage[]): void {
  if (id === "all") {
    console.log(`${service}: ${parked.length === 0 ? "nothing is" : parked.length} parked`);
    for (const one of parked) console.log(`  ${summarizeParked(one)}`);
    return;
  }
  const { registry } = loadContract();
  for (const one of parked) console.log(JSON.stringify(describeParked(one, registry), undefined, 2));
}

async function replay(parked: readonly ParkedMessage[]): Promise<void> {
  const replayed: string[] = [];
  for (const { message } of parked) if (await inbox.replay(message.id)) replayed.push(message.id);
  const endTime = Date.now() + outcomeTimeMaxMs;
  const isOpen = (messageId: string) => inbox.stateOf(messageId) === "waiting";
  while (replayed.some(isOpen) && Date.now() < endTime) await delay(lookIntervalMs);
  console.log(`${service}: ${replayed.length === 0 ? "nothing is" : replayed.length} tried again`);
  for (const messageId of replayed) console.log(`  ${messageId}  ${outcomeOf(messageId)}`);
}

function outcomeOf(messageId: string): string {
  const state = inbox.stateOf(messageId);
  if (state === "done") return "done";
  const again = inbox.parkedList(shownMax).find(({ message }) => message.id === messageId);
  return again === undefined ? `waits; ${service} tries it as long as it runs` : `parked again: ${again.cause}`;
}
