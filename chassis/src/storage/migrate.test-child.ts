// Migrates: node migrate.test-child.ts <file> <folder>. A migration may call pause(), which prints and never returns.
import { writeSync } from "node:fs";
import { openDatabase } from "./database.ts";
import { chassisMigrations, migrate } from "./migrate.ts";

const [file = "", folder = ""] = process.argv.slice(2);
const database = openDatabase({ file });
database.sqlite.function("pause", () => {
  writeSync(1, "in the middle\n");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), 0, 0);
  return null;
});
await migrate(database, [chassisMigrations, { name: "things", folder }]);
await database.close();
