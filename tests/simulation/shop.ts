import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadContract } from "@quartet/chassis/contract";
import { eventCatalog } from "@quartet/chassis/events/catalog";
import { openDatabase } from "@quartet/chassis/storage/database";
import { chassisMigrations, migrate } from "@quartet/chassis/storage/migrate";
import BetterSqlite3 from "better-sqlite3";
import { readOrderConfig } from "../../order-svc/src/config.ts";
import { migrations as orderMigrations } from "../../order-svc/src/migrations.ts";
import { createParts as createOrderParts } from "../../order-svc/src/service.ts";
import { openTestProvider } from "../../payment-svc/src/clients/test-provider.ts";
import { readPaymentConfig } from "../../payment-svc/src/config.ts";
import { migrations as paymentMigrations } from "../../payment-svc/src/migrations.ts";
import { createParts as createPaymentParts } from "../../payment-svc/src/service.ts";
import { readProductConfig } from "../../product-svc/src/config.ts";
import { migrations as productMigrations } from "../../product-svc/src/migrations.ts";
import { createParts as createProductParts } from "../../product-svc/src/service.ts";
import type { AuditSource } from "../../tools/audit/finding.ts";
import { readUserConfig } from "../../user-svc/src/config.ts";
import { migrations as userMigrations } from "../../user-svc/src/migrations.ts";
import { createParts as createUserParts } from "../../user-svc/src/service.ts";
import { plainPasswords } from "../../user-svc/src/testing/plain-passwords.ts";
import { type Calls, createCalls } from "./calls.ts";
import { createNetwork, type Network } from "./network.ts";
import { createRemoteProducts } from "./remote-products.ts";
import { createRemoteProvider } from "./remote-provider.ts";
import { createSimulatedBroker, type SimulatedBroker } from "./simulated-broker.ts";
import { createSimulatedService, type ServiceObserver, type SimulatedService } from "./simulated-service.ts";
import type { World } from "./world.ts";

/** All of the shop in one process: the real services on their files, everything round them simulated. */
export interface SimulatedShop {
  readonly network: Network;
  readonly calls: Calls;
  readonly broker: SimulatedBroker;
  readonly services: readonly SimulatedService[];
  /** Whether there is such a database. */
  has(source: AuditSource): boolean;
  /** Reads from a database, beside the processes that have it open. */
  query<Row>(source: AuditSource, sql: string): Row[];
  close(): void;
}

/** Times of the services that a simulation has no patience for. */
const environment = { STEP_DEADLINE_MS: "15000", CANCEL_WINDOW_MS: "6000", PRICE_MAX_AGE_MS: "3000" };

const { registry } = loadContract();
const catalog = eventCatalog(registry.files);

/** The databases of a shop that has never been open: migrating them anew for each simulation would take most of its time. */
export interface EmptyDatabases {
  readonly dir: string;
  close(): void;
}

/** Migrates the databases of the services, to be copied. */
export async function createEmptyDatabases(): Promise<EmptyDatabases> {
  const dir = mkdtempSync(join(memoryFolder(), "quartet-simulation-"));
  for (const migrations of [orderMigrations, productMigrations, paymentMigrations, userMigrations]) {
    mkdirSync(join(dir, migrations.name));
    const database = openDatabase({ file: join(dir, migrations.name, `${migrations.name}.sqlite`) });
    await migrate(database, [chassisMigrations, migrations]);
    await database.close();
  }
  return { dir, close: () => rmSync(dir, { recursive: true, force: true }) };
}

/** Opens a shop of which nothing runs yet, on a copy of empty databases. */
export function openSimulatedShop(world: World, observer: ServiceObserver, empty: EmptyDatabases): SimulatedShop {
  const dir = mkdtempSync(join(memoryFolder(), "quartet-simulation-"));
  cpSync(empty.dir, dir, { recursive: true });
  const dirOf = (name: string): string => join(dir, name);
  const env = (name: string) => ({ ...environment, DATA_DIR: dirOf(name) });
  const random = world.random;
  const network = createNetwork(world, random.fork("network"));
  const calls = createCalls(world, network, random.fork("calls"));
  const broker = createSimulatedBroker(world, network, random.fork("broker"));

  const testProvider = openTestProvider({ file: join(dirOf("payment-svc"), "test-provider.sqlite"), now: world.now });
  const provider = createRemoteProvider({
    world,
    calls,
    process: world.newProcess("provider"),
    provider: testProvider,
  });
  const productClient = createRemoteProducts(calls);
  const passwords = plainPasswords();
  const signer = { sign: async () => "a token that nobody reads" };
  const [orderConfig, userConfig] = [readOrderConfig(env("order-svc")), readUserConfig(env("user-svc"))];
  const [productConfig, paymentConfig] = [readProductConfig(env("product-svc")), readPaymentConfig(env("payment-svc"))];

  const recipes = [
    {
      name: "order-svc",
      config: orderConfig,
      migrations: orderMigrations,
      createParts: (core) => createOrderParts(core, orderConfig, { productClient }),
    },
    { name: "product-svc", config: productConfig, migrations: productMigrations, createParts: createProductParts },
    {
      name: "payment-svc",
      config: paymentConfig,
      migrations: paymentMigrations,
      createParts: (core) => createPaymentParts(core, paymentConfig, { provider }),
    },
    {
      name: "user-svc",
      config: userConfig,
      migrations: userMigrations,
      createParts: (core) => createUserParts(core, userConfig, { passwords, signer }),
    },
  ] satisfies Parameters<typeof createSimulatedService>[0]["recipe"][];
  const shared = { world, network, calls, broker, catalog, observer };
  const services = recipes.map((recipe) => createSimulatedService({ ...shared, recipe }));

  const readers = new Map<AuditSource, BetterSqlite3.Database>();
  const statements = new Map<AuditSource, Map<string, BetterSqlite3.Statement>>();
  const prepare = (source: AuditSource, sql: string): BetterSqlite3.Statement => {
    const known = statements.get(source)?.get(sql);
    if (known !== undefined) return known;
    const folder = source === "test-provider" ? "payment-svc" : source;
    const reader = readers.get(source) ?? openReader(join(dirOf(folder), `${source}.sqlite`));
    readers.set(source, reader);
    const statement = reader.prepare(sql);
    statements.set(source, (statements.get(source) ?? new Map()).set(sql, statement));
    return statement;
  };

  return {
    network,
    calls,
    broker,
    services,
    has: (source) => source === "test-provider" || services.some(({ name }) => name === source),
    query: <Row>(source: AuditSource, sql: string) => prepare(source, sql).all() as Row[],
    close() {
      for (const reader of readers.values()) reader.close();
      for (const service of services) for (const process of service.processes) service.kill(process);
      testProvider.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Not opened as read-only: then integrity_check would not look at CHECK constraints. */
function openReader(file: string): BetterSqlite3.Database {
  const reader = new BetterSqlite3(file, { fileMustExist: true });
  reader.pragma("query_only = ON");
  return reader;
}

/** A folder in memory, where there is one: the simulation writes a lot and keeps nothing. */
function memoryFolder(): string {
  try {
    const folder = mkdtempSync("/dev/shm/quartet-");
    rmSync(folder, { recursive: true });
    return "/dev/shm";
  } catch {
    return tmpdir();
  }
}
