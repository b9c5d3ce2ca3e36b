import { StackError } from "../stack/stack-error.ts";
import { backUp } from "./back-up.ts";
import { describeBackup, describeReplayed, describeRestored } from "./describe.ts";
import { markForReplay } from "./replay.ts";
import { allowStart, putBack } from "./restore.ts";
import { readSince } from "./since.ts";

// `node tools/backup/main.ts backup DATA_DIR FOLDER | put-back DATA_DIR FOLDER | allow-start DATA_DIR | replay DATA_DIR`: the
// same as make backup, restore and replay, for a container that has the files of all services. Says on stderr what it has
// done. A restore is put-back and, when the broker is empty, allow-start; what is to be said then put-back says on stdout.

const [command, dataDir = "", folder = ""] = process.argv.slice(2);
const say = (lines: readonly string[]) => console.error(lines.join("\n"));
try {
  if (command === "backup") say(describeBackup(await backUp({ dataDir, target: folder })));
  else if (command === "put-back") console.log(describeRestored(await putBack({ dataDir, from: folder })).join("\n"));
  else if (command === "allow-start") allowStart(dataDir);
  else if (command === "replay") say(describeReplayed(markForReplay(dataDir, { since: readSince(process.env) })));
  else throw new StackError(`unknown command ${command}`);
} catch (error) {
  if (!(error instanceof StackError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
