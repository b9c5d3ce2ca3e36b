import type { MigrationSource } from "@quartet/chassis/storage/migrate";

/** The migrations of this service, in the order of their names. */
export const migrations: MigrationSource = {
  name: "sample-item-svc",
  folder: new URL("../migrations/", import.meta.url),
};
