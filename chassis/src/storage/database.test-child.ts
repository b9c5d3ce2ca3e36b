// Writes until it is done or killed: node database.test-child.ts <file> <rounds>. Prints each number it was answered.
import { writeSync } from "node:fs";
import { openDatabase } from "./database.ts";

const [file = "", rounds = ""] = process.argv.slice(2);
const database = openDatabase({ file });
const add = database.sqlite.prepare("UPDATE counters SET value = ? WHERE name = 'all'");
const read = database.sqlite.prepare<[], number>("SELECT value FROM counters WHERE name = 'all'").pluck();
const insert = database.sqlite.prepare("INSERT INTO things (number) VALUES (?)");
for (let round = 0; round < Number(rounds); round += 1) {
  const numbers = [3 * round, 3 * round + 1, 3 * round + 2];
  await Promise.all(
    numbers.map(async (number) => {
      await database.transact(() => {
        add.run((read.get() ?? 0) + 1);
        insert.run(number);
      });
      writeSync(1, `${number}\n`);
    }),
  );
}
await database.close();
