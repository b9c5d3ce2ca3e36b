// Writes one number after another, first to one database and then to another, until it is killed: A B.
import BetterSqlite3 from "better-sqlite3";

const [first, second] = process.argv.slice(2).map((file) => {
  const database = new BetterSqlite3(file);
  database.pragma("journal_mode = WAL");
  database.exec("CREATE TABLE IF NOT EXISTS numbers (n INTEGER PRIMARY KEY) STRICT");
  return database.prepare("INSERT INTO numbers VALUES (?)");
});
for (let n = 1; ; n++) {
  first?.run(n);
  second?.run(n);
  if (n === 1) process.stdout.write("writes\n");
}
