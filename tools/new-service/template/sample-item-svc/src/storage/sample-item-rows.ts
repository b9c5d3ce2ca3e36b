import type { Database } from "@quartet/chassis/storage/database";
import { eq, sql } from "@quartet/chassis/storage/drizzle";
import type { SampleItem } from "../domain/sample-item.ts";
import { sampleItems } from "./schema.ts";

/** Loads what decisions and reads need. Called inside and outside transactions. */
export function createSampleItemRows(database: Database) {
  const sampleItemById = database.orm
    .select()
    .from(sampleItems)
    .where(eq(sampleItems.id, sql.placeholder("id")))
    .prepare();

  return {
    sampleItem: (id: string): SampleItem | undefined => sampleItemById.get({ id }),
  };
}
