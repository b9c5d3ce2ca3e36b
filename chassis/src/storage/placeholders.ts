import { type AnySQLiteColumn, type AnySQLiteTable, getTableColumns, type SQL, sql } from "./drizzle.ts";

// For statements that are prepared once: building one anew costs more than running it.

/** A placeholder for each column of a table, by the name the schema gives it: the values of a prepared insert. */
export function placeholders<T extends AnySQLiteTable>(table: T): T["$inferInsert"] {
  return placeholdersFor(columnsOf(table).map(([name]) => name)) as T["$inferInsert"];
}

/** A placeholder for each of the given columns: what a prepared update sets. */
export function placeholdersFor<Name extends string>(names: readonly Name[]): Record<Name, never> {
  // It is no value of any column, but Drizzle takes it for one of each.
  return Object.fromEntries(names.map((name) => [name, sql.placeholder(name)])) as Record<Name, never>;
}

/** Whether a column has one of the values in a placeholder, which is given them as a JSON array. */
export function isOneOf(column: AnySQLiteColumn, name: string): SQL {
  return sql`${column} IN (SELECT value FROM json_each(${sql.placeholder(name)}))`;
}

/** Every column but the id, with the value that could not be inserted: what a prepared insert sets of a row that exists. */
export function excluded<T extends AnySQLiteTable>(table: T): Partial<T["$inferInsert"]> {
  const columns = columnsOf(table).filter(([name]) => name !== "id");
  return Object.fromEntries(columns.map(([name, column]) => [name, sql.raw(`excluded."${column.name}"`)])) as Partial<
    T["$inferInsert"]
  >;
}

const columnsOf = (table: AnySQLiteTable) => Object.entries(getTableColumns(table));
