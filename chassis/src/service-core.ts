import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Contact, createContact } from "./broker/contact.ts";
import type { CommonConfig } from "./common-config.ts";
import { armFailPoint, failPoint } from "./fail-point.ts";
import { newId as newUuid } from "./ids.ts";
import { createLogger, type Logger } from "./log.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { createPageTokens, type PageTokens } from "./page-token.ts";
import { type Database, openDatabase } from "./storage/database.ts";
import { chassisMigrations, type MigrationSource, migrate } from "./storage/migrate.ts";
import { lastRestoreTime } from "./storage/restores.ts";
import { secretOf } from "./storage/secrets.ts";
import { createUnitOfWork, type UnitOfWork } from "./storage/unit-of-work.ts";
import { watchCommits } from "./storage/watch-commits.ts";

/** What a service builds its own parts on. */
export interface ServiceCore {
  /** Name of the service, as its folder: it names its queue, its metrics and its log lines. */
  readonly name: string;
  readonly config: CommonConfig;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly now: () => number;
  readonly newId: () => string;
  readonly database: Database;
  readonly unitOfWork: UnitOfWork;
  readonly pageTokens: PageTokens;
  /** Since when this process could hear of everything. */
  readonly contact: Contact;
  /** When the database was last put back from a backup, ms: others may know of an earlier time more than it does. */
  readonly restoreTime: number | undefined;
}

/** What a test may put in place of time, ids, logs and metrics. */
export interface CoreOverrides {
  readonly now?: () => number;
  readonly newId?: () => string;
  readonly log?: Logger;
  readonly metrics?: Metrics;
}

/** Opens a service's database, brings it up to date, and makes what every service needs of time, ids, logs and metrics. */
export async function openServiceCore(
  options: { name: string; config: CommonConfig; migrations: MigrationSource } & CoreOverrides,
): Promise<ServiceCore> {
  const { name, config, now = Date.now, newId = newUuid } = options;
  const log = options.log ?? createLogger({ service: name, level: config.logLevel });
  armFailPoint(config.failPoint);
  // Password hashes and signing keys are in there.
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  refuseHalfRestored(config.dataDir);
  const database = openDatabase({ file: join(config.dataDir, `${name}.sqlite`) });
  try {
    await migrate(database, [chassisMigrations, options.migrations]);
    failPoint("start.after-migration");
    const metrics = options.metrics ?? createMetrics({ service: name, processMetrics: true });
    watchCommits({ database, log, metrics });
    return {
      name,
      config,
      log,
      metrics,
      now,
      newId,
      database,
      unitOfWork: createUnitOfWork({ database, now }),
      pageTokens: createPageTokens({ key: secretOf(database, "page_token") }),
      contact: createContact({ now }),
      restoreTime: lastRestoreTime(database),
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** A restore that was interrupted may have put back some of the files that belong together. */
function refuseHalfRestored(dataDir: string): void {
  const part = join(dataDir, "restore.part");
  if (existsSync(part)) throw new Error(`${part} is left of a restore that was interrupted: run it again`);
}
