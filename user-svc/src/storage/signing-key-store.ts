import { failPoint } from "@quartet/chassis/fail-point";
import type { Database } from "@quartet/chassis/storage/database";
import { desc } from "@quartet/chassis/storage/drizzle";
import { generateSigningKey, type SigningKey } from "../security/signing-key.ts";
import { signingKeys } from "./schema.ts";

/**
 * Returns the keys of this database, newest first; the very first time it makes one. Two processes that start at once
 * end with the same key.
 */
export async function loadSigningKeys(
  database: Database,
  now: () => number,
): Promise<readonly [SigningKey, ...SigningKey[]]> {
  const { orm } = database;
  const read = (): SigningKey[] =>
    orm
      .select()
      .from(signingKeys)
      .orderBy(desc(signingKeys.createTime), signingKeys.kid)
      .all()
      .map((row) => ({ ...row, privateJwk: JSON.parse(row.privateJwk) }));
  const fresh = await generateSigningKey(now());
  const [newest, ...older] = await database.transact(() => {
    if (read().length === 0) {
      orm
        .insert(signingKeys)
        .values({ ...fresh, privateJwk: JSON.stringify(fresh.privateJwk) })
        .run();
      failPoint("signing-key.before-save");
    }
    return read();
  });
  failPoint("signing-key.after-save");
  if (newest === undefined) throw new Error("a signing key was saved and is gone");
  return [newest, ...older];
}
