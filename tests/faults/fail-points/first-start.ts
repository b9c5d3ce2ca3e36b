import assert from "node:assert/strict";
import type { ServiceName } from "../../../tools/stack/stack-config.ts";
import { placeOf } from "./deaths.ts";
import { migrationsOf, readMade, startForTheFirstTime } from "./lone-service.ts";

/** Every fail point between the first start of a service and its first database, in their order. */
export function firstStartPoints(service: ServiceName): string[] {
  const migrations = migrationsOf(service).flatMap((name) =>
    ["before-statements", "after-statements", "after-journal"].map((moment) => `migration.${moment}:${name}`),
  );
  const keys = service === "user-svc" ? ["signing-key.before-save", "signing-key.after-save"] : [];
  return [
    "migration.before-begin",
    ...migrations,
    "migration.before-commit",
    "migration.after-commit",
    "start.after-migration",
    ...keys,
    "leader.after-lock",
  ];
}

/**
 * Asserts that a service which dies at these fail points on its first start, one a start, ends with the same database as one
 * that was left in peace, whose file is `undisturbed`.
 */
export async function assertFirstStart(
  service: ServiceName,
  deaths: readonly string[],
  undisturbed: string,
): Promise<void> {
  const found = await startForTheFirstTime(service, deaths);
  const { schema, keys } = readMade(undisturbed);
  assert.deepEqual(found.deaths.map(placeOf), deaths.map(placeOf), `${service} died elsewhere`);
  assert.deepEqual(found.ends, [...deaths.map(() => "SIGKILL"), 0]);
  assert.deepEqual(found.faults, []);
  assert.deepEqual(found.schema, schema);
  assert.deepEqual(found.keys, keys);
}
