import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSnapshot } from "@quartet/chassis/storage/read-snapshot";
import BetterSqlite3 from "better-sqlite3";
import { type AuditOptions, type AuditPort, audit } from "../audit.ts";
import { databaseFile } from "../database-file.ts";
import type { AuditSource, Finding } from "../finding.ts";
import type { AuditReport } from "../judge.ts";
import { openSmallShop } from "./small-shop.ts";

/** When the shop opens. */
export const startTime = Date.UTC(2026, 0, 1);
/** Statements that lift what the database itself refuses, so that an offence can be put there. */
const unguarded = "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;";

/** Names in the shop that the cases speak of, as `:name`. */
export type Names = Readonly<
  Record<"cup" | "old" | "paid" | "declined" | "short" | "returned" | "partly" | "deserted", string>
>;

const deadTriggers: Partial<Record<AuditSource, string>> = {
  "order-svc": "DROP TRIGGER order_events_as_they_were; DROP TRIGGER order_events_without_gap;",
  "payment-svc": `DROP TRIGGER ledger_entries_are_not_updated; DROP TRIGGER ledger_entries_are_not_deleted;
    DROP TRIGGER refunds_keep_their_amount; DROP TRIGGER refunds_within_amount; DROP TRIGGER refunds_that_are_done_stay;`,
};

/** What a sound shop left behind, to be audited as it is and damaged. */
export interface SoundShop {
  /** The folder of its files. */
  readonly dataDir: string;
  readonly names: Names;
  /** When it closed. */
  readonly endTime: number;
  /** What audits found while it was open, and how many there were. */
  readonly midFlow: readonly Finding[];
  readonly looks: number;
  /** Puts the names in the place of `:name`. */
  named(text: string): string;
  /** Much later: nothing has an excuse to wait. */
  later(): number;
  /** The report about a copy of it to which something was done, and where the copy is. */
  auditAfter(
    damage: Partial<Record<AuditSource, string>>,
    options?: AuditOptions & { port?: object },
  ): Promise<{ report: AuditReport; copy: string }>;
  /** Removes it with its copies. */
  remove(): void;
}

/** Runs a small shop, in which everything happens once that can, and closes it. */
export async function leaveSoundShop(): Promise<SoundShop> {
  const folder = mkdtempSync(join(tmpdir(), "quartet-audit-"));
  const dataDir = join(folder, "sound");
  const midFlow: Finding[] = [];
  let looks = 0;
  const shop = await openSmallShop(dataDir, startTime);
  const look = async () => {
    looks += 1;
    const mode = looks % 2 === 0 ? "rest" : "storm";
    midFlow.push(...(await audit(portOf(dataDir), { mode, now: shop.now })).findings);
  };
  for (const user of ["ada", "bob"]) await shop.signUp(user);
  const [cup, rare, old] = [await shop.createProduct(100), await shop.createProduct(1), await shop.createProduct(7)];
  await shop.adjustStock(cup, -10);
  await shop.archiveProduct(old);
  await shop.adjustStock(old, -7);
  await shop.settle(look);
  const order = async (product: string, token?: string) => {
    const id = await shop.order("ada", product, token);
    await shop.settle(look);
    return id;
  };
  const [paid, declined, short] = [await order(cup), await order(cup, "tok_declined"), await order(rare)];
  const [returned, partly] = [await order(cup, "tok_lost"), await order(cup, "tok_refund_timeout")];
  await shop.cancel(returned);
  await shop.refund(partly, 500);
  const deserted = await shop.order("bob", cup);
  await shop.deleteAccount("bob");
  await shop.settle(look);
  const names = { cup, old, paid, declined, short, returned, partly, deserted };
  const endTime = shop.now();
  await shop.close();
  const named = (text: string) => text.replace(/:(\w+)/g, (all, name) => names[name as keyof Names] ?? all);
  const later = () => endTime + 3_600_000;

  return {
    ...{ dataDir, names, endTime, midFlow, looks, named, later },
    async auditAfter(damage, options = {}) {
      const copy = mkdtempSync(join(folder, "copy-"));
      cpSync(dataDir, copy, { recursive: true });
      for (const [source, sql] of Object.entries(damage)) {
        const database = new BetterSqlite3(databaseFile(copy, source as AuditSource));
        database.exec(`${unguarded} ${deadTriggers[source as AuditSource] ?? ""} ${named(sql)}`);
        database.close();
      }
      return { report: await audit({ ...portOf(copy), ...options.port }, { now: later, ...options }), copy };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Reads the files of a shop, and finds nothing in its queues. */
export function portOf(dataDir: string): AuditPort {
  return {
    read: async (source, queries) => readSnapshot(databaseFile(dataDir, source), queries) as Record<string, unknown[]>,
    queues: async () => [],
  };
}
