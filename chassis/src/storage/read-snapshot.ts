import { statSync } from "node:fs";
import BetterSqlite3 from "better-sqlite3";

type Queries = Readonly<Record<string, string>>;

/** A piece of JSON is handed on when it has become this long. */
const pieceCharsMin = 64 * 1024;

/** Whether there is no file, or nothing in it, which SQLite would take for a database without tables. */
export function isGone(file: string): boolean {
  return !statSync(file, { throwIfNoEntry: false })?.size;
}

/**
 * Answers queries about a database file in one read transaction, so that all rows are of one moment, beside whoever
 * writes. Changes nothing in it. Throws when the file is gone.
 */
export function readSnapshot(file: string, queries: Queries): Readonly<Record<string, unknown[]>> {
  const database = openSnapshot(file);
  try {
    return Object.fromEntries(Object.entries(queries).map(([name, sql]) => [name, database.prepare(sql).all()]));
  } finally {
    database.close();
  }
}

/**
 * The same answers as the pieces of one JSON object, rows by the names of the queries. Each row is read when it is its
 * turn, so that they need not all find room; until the last one the transaction is open.
 */
export function* snapshotJson(file: string, queries: Queries): Generator<string> {
  const database = openSnapshot(file);
  try {
    let piece = "{";
    for (const [position, [name, sql]] of Object.entries(queries).entries()) {
      piece += `${position === 0 ? "" : ","}${JSON.stringify(name)}:[`;
      let separator = "";
      for (const row of database.prepare(sql).iterate()) {
        piece += `${separator}${JSON.stringify(row)}`;
        separator = ",";
        if (piece.length < pieceCharsMin) continue;
        yield piece;
        piece = "";
      }
      piece += "]";
    }
    yield `${piece}}`;
  } finally {
    database.close();
  }
}

/** Opens a file with a read transaction, which sees the moment of the first query and ends when it is closed. */
function openSnapshot(file: string): BetterSqlite3.Database {
  if (isGone(file)) throw new Error(`there is no ${file}, or nothing in it`);
  // Not opened as read-only: then SQLite does not even load the CHECK constraints that integrity_check is to look at.
  const database = new BetterSqlite3(file, { fileMustExist: true });
  try {
    database.pragma("query_only = ON");
    database.exec("BEGIN");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
