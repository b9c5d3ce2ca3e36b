import { type AnySQLiteColumn, type AnySQLiteTable, getTableColumns, type SQL, sql } from "./drizzle.ts";

// For statements that are prepared once: building one anew costs more than running it.

/**
 * A placeholder for each column of a table, by the name the schema gives it: the values of a prepared insert. Throws for a
 * column that may be null and is not saved as it is: Drizzle would encode the null of a prepared statement.
 */
export function placeholders<T extends AnySQLiteTable>(table: T): T["$inferInsert"] {
  return placeholdersFor(table, Object.keys(getTableColumns(table)));
}

/** A placeholder for each of the given columns: what a prepared update sets. Throws as `placeholders` does. */
export function placeholdersFor<T extends AnySQLiteTable, Name extends keyof T["$inferInsert"] & string>(
  table: T,
  names: readonly Name[],
): Record<Name, never> {
  const columns: Record<string, AnySQLiteColumn> = getTableColumns(table);
  for (const name of names) {
    const column = columns[name];
    if (column === undefined) throw new Error(`the table has no column "${name}"`);
    if (!column.notNull && !["string", "number"].includes(column.dataType))
      throw new Error(`null in "${name}" would not be saved as NULL by a prepared statement`);
  }
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
