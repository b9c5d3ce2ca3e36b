import type { Database } from "@quartet/chassis/storage/database";
import { and, desc, eq, lt } from "@quartet/chassis/storage/drizzle";
import type { ProductQueries } from "../app/ports.ts";
import { createProductRows, toProduct } from "./product-rows.ts";
import { products } from "./schema.ts";

/** Creates the reads of the catalogue on SQLite. */
export function createProductQueries(options: { database: Database }): ProductQueries {
  const { orm } = options.database;
  const load = createProductRows(options.database);
  return {
    get: async (productId) => load.product(productId),
    getMany: async (productIds) => load.products(productIds),
    list: async ({ category, afterId, limit }) =>
      orm
        .select()
        .from(products)
        .where(
          and(
            eq(products.state, "ACTIVE"),
            category === "" ? undefined : eq(products.category, category),
            afterId === undefined ? undefined : lt(products.id, afterId),
          ),
        )
        .orderBy(desc(products.id))
        .limit(limit)
        .all()
        .map(toProduct),
  };
}
