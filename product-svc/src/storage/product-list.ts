import type { Database } from "@quartet/chassis/storage/database";
import { type AnySQLiteColumn, and, asc, desc, type SQL, sql } from "@quartet/chassis/storage/drizzle";
import type { ProductOrder, ProductPosition, ProductQueries, ProductQuery } from "../app/ports.ts";
import { toProduct } from "./product-rows.ts";
import { products } from "./schema.ts";
import { searchExpression } from "./search-expression.ts";

// The id comes last, so that no two products share a place.
const sortColumns = {
  create_time: ["createTime", "id"],
  display_name: ["nameSortKey", "id"],
  price: ["currency", "priceMinor", "id"],
} as const satisfies Record<ProductOrder["by"], readonly (keyof typeof products.$inferSelect)[]>;

/**
 * Creates the list of the catalogue. Up to `sortedMax` products that a search finds are read and sorted. Otherwise a
 * page costs, whatever is asked for, one pass over the entries of the words that are searched for, and a walk along the
 * index of its order from where the page before ended.
 */
export function createProductList(database: Database, sortedMax: number): ProductQueries["list"] {
  const countFound = database.sqlite
    .prepare<[string, number], number>(
      "SELECT count(*) FROM (SELECT 1 FROM product_search WHERE product_search MATCH ? LIMIT ?)",
    )
    .pluck();

  return async (query, after, limit) => {
    const { by, descending } = query.order;
    const expression = searchExpression(query.search);
    const isShort = expression !== undefined && (countFound.get(expression, sortedMax + 1) ?? 0) <= sortedMax;
    return database.orm
      .select()
      .from(products)
      .where(and(...conditionsOf(query, after, expression, isShort)))
      .orderBy(...sortColumns[by].map((name) => (descending ? desc(products[name]) : asc(products[name]))))
      .limit(limit)
      .all()
      .map((row) => ({ product: toProduct(row), position: sortColumns[by].map((name) => row[name]) }));
  };
}

function conditionsOf(
  { category, price, order }: ProductQuery,
  after: ProductPosition | undefined,
  expression: string | undefined,
  isShort: boolean,
): SQL[] {
  const indexed = (column: AnySQLiteColumn) => (isShort ? plain(column) : sql`${column}`);
  // Written out, because for a bound value SQLite does not take the index of active products.
  const conditions = [sql`${products.state} = 'ACTIVE'`];
  if (expression !== undefined) {
    const seq = isShort ? sql`${products.seq}` : plain(products.seq);
    conditions.push(sql`${seq} IN (SELECT rowid FROM product_search WHERE product_search MATCH ${expression})`);
  }
  if (category !== "") conditions.push(sql`${indexed(products.category)} = ${category}`);
  if (price !== undefined) {
    const column = order.by === "price" ? indexed : plain;
    const place = row([column(products.currency), column(products.priceMinor)]);
    conditions.push(sql`${place} >= ${row([price.currency, price.minMinor ?? 0])}`);
    conditions.push(sql`${place} <= ${row([price.currency, price.maxMinor ?? Number.MAX_SAFE_INTEGER])}`);
  }
  if (after !== undefined) {
    const place = row(sortColumns[order.by].map((name) => indexed(products[name])));
    conditions.push(order.descending ? sql`${place} < ${row(after)}` : sql`${place} > ${row(after)}`);
  }
  return conditions;
}

/** A column that no index is looked up by: the plus sign says so to SQLite, and its way stays the one that was chosen. */
function plain(column: AnySQLiteColumn): SQL {
  return sql`+${column}`;
}

/** Several values that are compared as one, the first first. */
function row(values: readonly (SQL | string | number)[]): SQL {
  const parts = values.map((value) => sql`${value}`);
  return sql`(${sql.join(parts, sql`, `)})`;
}
