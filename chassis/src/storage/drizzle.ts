// The one place that loads drizzle-orm. Imported as an ES module it costs 4 times the memory (docs/decisions/0002).
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const core = require("drizzle-orm") as typeof import("drizzle-orm");
const sqliteCore = require("drizzle-orm/sqlite-core") as typeof import("drizzle-orm/sqlite-core");
const driver = require("drizzle-orm/better-sqlite3") as typeof import("drizzle-orm/better-sqlite3");

export type { InferInsertModel, InferSelectModel, SQL } from "drizzle-orm";
export type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
export type { AnySQLiteColumn, AnySQLiteTable } from "drizzle-orm/sqlite-core";

/** Wraps a better-sqlite3 connection: `drizzle(connection)`. */
export const drizzle = driver.drizzle;

/** What a schema is written with. Types, defaults and checks of the database itself come from the migrations. */
export const {
  SQLiteTable,
  sqliteTable,
  integer,
  text,
  blob,
  real,
  customType,
  index,
  uniqueIndex,
  unique,
  primaryKey,
  foreignKey,
  check,
  alias,
  getTableConfig,
  union,
  unionAll,
} = sqliteCore;

/** What queries are written with. */
export const {
  sql,
  eq,
  ne,
  and,
  or,
  not,
  lt,
  lte,
  gt,
  gte,
  between,
  like,
  inArray,
  notInArray,
  isNull,
  isNotNull,
  exists,
  notExists,
  asc,
  desc,
  count,
  countDistinct,
  sum,
  min,
  max,
  getTableColumns,
  getTableName,
  is,
} = core;
