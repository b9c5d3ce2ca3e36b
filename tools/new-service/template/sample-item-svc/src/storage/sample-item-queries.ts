import type { Database } from "@quartet/chassis/storage/database";
import { and, desc, eq, lt } from "@quartet/chassis/storage/drizzle";
import type { SampleItemQueries } from "../app/ports.ts";
import { createSampleItemRows } from "./sample-item-rows.ts";
import { sampleItems } from "./schema.ts";

/** Creates the reads of sample items on SQLite. */
export function createSampleItemQueries(options: { database: Database }): SampleItemQueries {
  const { orm } = options.database;
  const load = createSampleItemRows(options.database);
  return {
    get: async (sampleItemId) => load.sampleItem(sampleItemId),
    list: async ({ userId, afterId, limit }) =>
      orm
        .select()
        .from(sampleItems)
        .where(and(eq(sampleItems.userId, userId), afterId === undefined ? undefined : lt(sampleItems.id, afterId)))
        .orderBy(desc(sampleItems.id))
        .limit(limit)
        .all(),
  };
}
