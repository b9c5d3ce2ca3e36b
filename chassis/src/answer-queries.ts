// Answers queries about a database beside the service that owns it: `node --conditions=source answer-queries.ts FILE` with
// a JSON object of queries by their names on standard input. Prints one line: a JSON object of rows by the same names.
// For whoever may run programs where the file is, as in `docker compose exec`. There it lives on the memory of the service,
// so it has no more than a piece of the line at a time. When the file is damaged or gone it ends with 3, and its last line
// says why, after whatever it had read by then.
import { once } from "node:events";
import { json } from "node:stream/consumers";
import { isDamaged } from "./storage/database-errors.ts";
import { isGone, snapshotJson } from "./storage/read-snapshot.ts";

const damaged = 3;
const file = process.argv[2] ?? "";
const queries = (await json(process.stdin)) as Readonly<Record<string, string>>;
try {
  for (const piece of snapshotJson(file, queries)) {
    // A stream keeps what was written within one turn, also where it waits for the reader.
    if (!process.stdout.write(piece)) await once(process.stdout, "drain");
  }
} catch (error) {
  if (!(error instanceof Error && (isDamaged(error) || isGone(file)))) throw error;
  process.stdout.write(`\n${error.message}`);
  process.exitCode = damaged;
}
process.stdout.write("\n");
