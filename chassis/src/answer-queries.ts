// Answers queries about a database beside the service that owns it: `node --conditions=source answer-queries.ts FILE` with
// a JSON object of queries by their names on standard input. Prints one line: a JSON object of rows by the same names.
// For whoever may run programs where the file is, as in `docker compose exec`.
import { json } from "node:stream/consumers";
import { readSnapshot } from "./storage/read-snapshot.ts";

const file = process.argv[2] ?? "";
const queries = (await json(process.stdin)) as Readonly<Record<string, string>>;
process.stdout.write(`${JSON.stringify(readSnapshot(file, queries))}\n`);
