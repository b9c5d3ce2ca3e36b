import type { Database } from "./database.ts";
import { eq } from "./drizzle.ts";
import { secrets } from "./schema.ts";

/**
 * A random key that belongs to this database and lives as long as it, such as "page_token". All processes on the file
 * see the same. Throws when the migrations made no such key.
 */
export function secretOf(database: Database, name: string): Uint8Array {
  const row = database.orm.select({ value: secrets.value }).from(secrets).where(eq(secrets.name, name)).get();
  if (row === undefined) throw new Error(`the database has no secret ${name}`);
  return row.value;
}
