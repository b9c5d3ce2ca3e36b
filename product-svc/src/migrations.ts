import type { MigrationSource } from "@quartet/chassis/storage/migrate";
import { nameSortKey } from "./storage/name-sort-key.ts";

/** The migrations of this service, in the order of their names. */
export const migrations: MigrationSource = {
  name: "product-svc",
  folder: new URL("../migrations/", import.meta.url),
  functions: { name_sort_key: nameSortKey },
};
