import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import type { StackOptions } from "../../tools/stack/stack.ts";
import type { ServiceName } from "../../tools/stack/stack-config.ts";
import { type NativeSystem, startNativeSystem } from "../e2e/native-system.ts";
import { logIn, newCustomer, newProduct, patient, type ShopClient } from "../e2e/shop-client.ts";

/** A shop whose services die, with callers who repeat what nobody answered. */
export interface FaultShop {
  readonly system: NativeSystem;
  readonly dataDir: string;
  readonly admin: ShopClient;
  readonly ada: ShopClient;
  /** A product of which there is enough, and one of which there is none. */
  readonly cup: string;
  readonly soldOut: string;
  /** Writes into the database of a service, which must not run. */
  change(service: ServiceName, sql: string): void;
  close(): Promise<void>;
}

/** The file of a service's database. */
export function databaseOf({ dataDir }: Pick<FaultShop, "dataDir">, service: ServiceName): string {
  return join(dataDir, service, `${service}.sqlite`);
}

/** As long as a token can be good: the longest campaign takes less. */
const accessTokenLifetimeMs = 3_600_000;
const enough = 100_000;

/** Starts a whole shop for a campaign, its services with these additions to their environment. */
export async function openFaultShop(additions: StackOptions["serviceEnv"] = {}): Promise<FaultShop> {
  const dataDir = mkdtempSync(join(tmpdir(), "quartet-faults-"));
  const serviceEnv = { "user-svc": { ACCESS_TOKEN_LIFETIME_MS: String(accessTokenLifetimeMs) }, ...additions };
  const system = await startNativeSystem({ dataDir, serviceEnv });
  const close = async () => {
    await system.close();
    rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    const admin = patient(await logIn(system.gateway, system.admin));
    const ada = patient(await newCustomer(system.gateway));
    const cup = await newProduct(admin, { initialQuantity: enough });
    const soldOut = await newProduct(admin, { initialQuantity: 0 });
    const change = (service: ServiceName, sql: string) => {
      const database = new BetterSqlite3(databaseOf({ dataDir }, service));
      try {
        database.exec(sql);
      } finally {
        database.close();
      }
    };
    return { system, dataDir, admin, ada, cup, soldOut, change, close };
  } catch (error) {
    await close();
    throw error;
  }
}
