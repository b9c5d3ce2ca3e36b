import type { Database } from "@quartet/chassis/storage/database";
import type { ProductQueries } from "../app/ports.ts";
import { createProductList } from "./product-list.ts";
import { createProductRows } from "./product-rows.ts";

/** Up to this many products of a search are sorted by hand: about what a walk over a catalogue of 20,000 costs. */
const sortedMaxDefault = 500;

/** Creates the reads of the catalogue on SQLite. `sortedMax` says how many products of a search are read to be sorted. */
export function createProductQueries(options: { database: Database; sortedMax?: number }): ProductQueries {
  const load = createProductRows(options.database);
  return {
    get: async (productId) => load.product(productId),
    getMany: async (productIds) => load.products(productIds),
    list: createProductList(options.database, options.sortedMax ?? sortedMaxDefault),
  };
}
