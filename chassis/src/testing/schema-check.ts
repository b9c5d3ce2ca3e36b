import assert from "node:assert/strict";
import type { Database } from "../storage/database.ts";
import { type AnySQLiteTable, getTableConfig, is, SQLiteTable } from "../storage/drizzle.ts";
import * as chassisSchema from "../storage/schema.ts";

/** What is compared of a table. Names are sorted. In a STRICT table a primary key implies NOT NULL. */
interface TableShape {
  readonly strict: boolean;
  readonly columns: Readonly<Record<string, string>>;
  readonly key: readonly string[];
  readonly indexes: readonly string[];
  readonly references: readonly string[];
}

const expression = "an expression";

type Shapes = Readonly<Record<string, TableShape>>;

/**
 * Fails when the migrated database is not what the Drizzle schema says: tables, columns, types, NOT NULL, whether there is
 * a default, primary keys, foreign keys, indexes and uniqueness; when a table is not STRICT; and when a table is missing from the schema. CHECK
 * constraints, virtual tables and triggers are the migrations' alone. `schema` is a module of tables.
 */
export function assertSchemaMatches(database: Database, schema: Readonly<Record<string, unknown>>): void {
  const tables = Object.values(schema).filter(isTable);
  assert.notEqual(tables.length, 0, "the schema has no tables");
  const meant = shapesOfSchema(tables);
  assert.deepEqual(shapesOfDatabase(database, Object.keys(meant)), meant);
}

function shapesOfSchema(tables: readonly AnySQLiteTable[]): Shapes {
  return Object.fromEntries(
    tables.map((table) => [getTableConfig(table).name, shapeOfSchema(table)] as const).sort(byName),
  );
}

function shapeOfSchema(table: AnySQLiteTable): TableShape {
  const { columns, primaryKeys, uniqueConstraints, indexes, foreignKeys } = getTableConfig(table);
  const compositeKey = primaryKeys.flatMap((key) => namesOf(key.columns));
  const key = compositeKey.length > 0 ? compositeKey : namesOf(columns.filter(({ primary }) => primary));
  const uniqueColumns = [
    ...columns.filter(({ isUnique }) => isUnique).map(({ name }) => [name]),
    ...uniqueConstraints.map((constraint) => namesOf(constraint.columns)),
  ];
  return {
    strict: true,
    columns: Object.fromEntries(
      columns
        .map((column) => {
          const required = column.notNull || key.includes(column.name);
          return [column.name, typeText(column.getSQLType(), required, column.default !== undefined)] as const;
        })
        .sort(byName),
    ),
    key,
    indexes: [
      ...uniqueColumns.map((names) => `unique (${names})`),
      ...indexes.map(({ config }) => {
        const names = config.columns.map((column) => ("name" in column ? column.name : expression));
        return indexText(config.name, names, config.unique, config.where !== undefined);
      }),
    ].sort(),
    references: foreignKeys
      .map((foreignKey) => {
        const { columns: from, foreignTable, foreignColumns } = foreignKey.reference();
        return referenceText(namesOf(from), getTableConfig(foreignTable).name, namesOf(foreignColumns));
      })
      .sort(),
  };
}

function shapesOfDatabase(database: Database, meant: readonly string[]): Shapes {
  const chassisTables = Object.values(chassisSchema).map((table) => getTableConfig(table).name);
  const ignored = new Set(["migrations", ...chassisTables].filter((name) => !meant.includes(name)));
  const tables = database.sqlite.pragma("table_list") as {
    schema: string;
    name: string;
    type: string;
    strict: number;
  }[];
  return Object.fromEntries(
    tables
      .filter(({ schema, type }) => schema === "main" && type === "table")
      .filter(({ name }) => !name.startsWith("sqlite_") && !ignored.has(name))
      .map(({ name, strict }) => [name, shapeOfTable(database, name, strict === 1)] as const)
      .sort(byName),
  );
}

function shapeOfTable({ sqlite }: Database, table: string, strict: boolean): TableShape {
  const columns = sqlite.pragma(`table_info("${table}")`) as {
    name: string;
    type: string;
    notnull: number;
    pk: number;
    dflt_value: string | null;
  }[];
  const key = columns.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk);
  const indexes = sqlite.pragma(`index_list("${table}")`) as {
    name: string;
    unique: number;
    origin: "c" | "u" | "pk";
    partial: number;
  }[];
  return {
    strict,
    columns: Object.fromEntries(
      columns
        .map((column) => {
          const { name, type, notnull, pk, dflt_value } = column;
          return [name, typeText(type, notnull === 1 || pk > 0, dflt_value !== null)] as const;
        })
        .sort(byName),
    ),
    key: namesOf(key),
    indexes: indexes
      .filter(({ origin }) => origin !== "pk")
      .map(({ name, unique, origin, partial }) =>
        origin === "u"
          ? `unique (${columnsOfIndex(name)})`
          : indexText(name, columnsOfIndex(name), unique === 1, partial === 1),
      )
      .sort(),
    references: referencesOf(table),
  };

  function columnsOfIndex(index: string): string[] {
    const parts = sqlite.pragma(`index_info("${index}")`) as { name: string | null }[];
    return parts.map(({ name }) => name ?? expression);
  }

  function referencesOf(from: string): string[] {
    const rows = sqlite.pragma(`foreign_key_list("${from}")`) as {
      id: number;
      table: string;
      from: string;
      to: string;
    }[];
    return [...Map.groupBy(rows, ({ id }) => id).values()]
      .map((parts) =>
        referenceText(
          parts.map((part) => part.from),
          parts[0]?.table ?? "",
          parts.map((part) => part.to),
        ),
      )
      .sort();
  }
}

function typeText(type: string, required: boolean, hasDefault: boolean): string {
  return `${type.toUpperCase()}${required ? " NOT NULL" : ""}${hasDefault ? " DEFAULT" : ""}`;
}

function indexText(name: string, columns: readonly string[], unique: boolean, partial: boolean): string {
  return `${unique ? "unique index" : "index"} ${name} (${columns})${partial ? " partial" : ""}`;
}

function referenceText(from: readonly string[], table: string, to: readonly string[]): string {
  return `(${from}) to ${table} (${to})`;
}

function namesOf(named: readonly { readonly name: string }[]): string[] {
  return named.map(({ name }) => name);
}

function byName([a]: readonly [string, ...unknown[]], [b]: readonly [string, ...unknown[]]): number {
  return a < b ? -1 : 1;
}

function isTable(value: unknown): value is AnySQLiteTable {
  return is(value, SQLiteTable);
}
