import { createHash } from "node:crypto";
import { type ServiceName, serviceNames } from "../../tools/stack/stack-config.ts";
import type { System } from "../e2e/system.ts";

/** When a replica was last known to be true: it changes by reading. */
const changesByReading = new Set(["confirm_time"]);

/** A hash of the rows of every table of every service: it changes when anything is stored, changed or removed. */
export async function storedRows(system: System): Promise<Readonly<Record<string, string>>> {
  const hashes: Record<string, string> = {};
  for (const service of serviceNames) Object.assign(hashes, await rowsOf(system, service));
  return hashes;
}

async function rowsOf(system: System, service: ServiceName): Promise<Record<string, string>> {
  const tables = await system.query<{ name: string }>(
    service,
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
  );
  const hashes: Record<string, string> = {};
  for (const { name } of tables) {
    const rows = await system.query<Record<string, unknown>>(service, `SELECT * FROM "${name}"`);
    const hash = createHash("sha256");
    for (const row of rows) {
      const kept = Object.entries(row).filter(([column]) => !changesByReading.has(column));
      hash.update(`${kept.map(([column, value]) => `${column}=${value}`).join("|")}\n`);
    }
    hashes[`${service} ${name}`] = hash.digest("hex");
  }
  return hashes;
}
