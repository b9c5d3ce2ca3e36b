import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Database } from "@quartet/chassis/storage/database";
import { chassisMigrations, migrate } from "@quartet/chassis/storage/migrate";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import { afterEach, beforeEach, describe, it } from "mocha";
import type { LedgerBalance, LedgerQueries } from "../app/ports.ts";
import { type Account, bookMovement } from "../domain/payment.ts";
import { migrations } from "../migrations.ts";
import { aPayment } from "../testing/builders.ts";
import { createLedgerQueries } from "./ledger-queries.ts";
import { toRow } from "./payment-rows.ts";
import { ledgerEntries, payments } from "./schema.ts";

describe("the ledger queries", () => {
  let database: Database;
  let ledger: LedgerQueries;
  let movements: number;

  beforeEach(async () => {
    database = await openTestDatabase({ migrations: [migrations] });
    ledger = createLedgerQueries({ database });
    movements = 0;
    insertPayment();
  });

  afterEach(() => database.close());

  const insertPayment = () => {
    const payment = aPayment({ state: "VOIDED", paymentToken: undefined });
    database.orm.insert(payments).values(toRow(payment)).run();
  };
  const book = (
    minorUnits: number,
    currency = "EUR",
    debit: Account = "PROVIDER_RECEIVABLE",
    credit: Account = "SALES",
  ) =>
    database.transact(() => {
      for (const entry of bookMovement(`movement ${++movements}`, debit, credit, { currency, minorUnits })) {
        database.orm
          .insert(ledgerEntries)
          .values({ ...entry, paymentId: "o1", createTime: 0 })
          .run();
      }
    });
  const giveBack = (minorUnits: number, currency = "EUR") =>
    book(minorUnits, currency, "SALES_REFUNDS", "PROVIDER_RECEIVABLE");
  const told = (balances: readonly LedgerBalance[]) =>
    balances.map((balance) => `${balance.currency} ${balance.account} ${balance.debitMinor} ${balance.creditMinor}`);
  const read = async (after?: LedgerBalance, limit = 10) => told(await ledger.balances({ after, limit }));

  it("have nothing to say of an empty ledger", async () => {
    assert.deepEqual(await read(), []);
  });

  it("sum debits and credits by currency and account", async () => {
    await book(100);
    await giveBack(30);
    await book(5, "CHF");
    await book(7);
    assert.deepEqual(await read(), [
      "CHF PROVIDER_RECEIVABLE 5 0",
      "CHF SALES 0 5",
      "EUR PROVIDER_RECEIVABLE 107 30",
      "EUR SALES 0 107",
      "EUR SALES_REFUNDS 30 0",
    ]);
  });

  it("are exact where numbers no longer are", async () => {
    const large = Number.MAX_SAFE_INTEGER;
    for (const minorUnits of [large, large, large, 1, 1]) await book(minorUnits);
    const sum = 3n * BigInt(large) + 2n;
    assert.notEqual(BigInt(Number(sum)), sum);
    assert.deepEqual(await read(), [`EUR PROVIDER_RECEIVABLE ${sum} 0`, `EUR SALES 0 ${sum}`]);
  });

  it("show the following pages as of the moment of the first, whatever is booked meanwhile", async () => {
    await book(100);
    await giveBack(30);
    await book(5, "USD");
    const all = await read();
    const pages: string[] = [];
    let after: LedgerBalance | undefined;
    for (;;) {
      const [balance] = await ledger.balances({ after, limit: 1 });
      if (balance === undefined) break;
      pages.push(...told([balance]));
      after = balance;
      await book(1);
      await giveBack(1, "GBP");
      await book(1, "USD");
    }
    assert.deepEqual(pages, all);
    assert.equal((await read()).length, 7);
  });

  it("agree with a ledger that is older than its balances", async () => {
    const folder = mkdtempSync(join(tmpdir(), "migrations-"));
    const older = readdirSync(migrations.folder).filter((file) => file < "0002");
    for (const file of older) copyFileSync(new URL(file, migrations.folder), join(folder, file));
    await database.close();
    database = await openTestDatabase({ migrations: [{ ...migrations, folder }] });
    rmSync(folder, { recursive: true });
    insertPayment();
    await book(100);
    await giveBack(30);
    await migrate(database, [chassisMigrations, migrations]);
    ledger = createLedgerQueries({ database });
    await book(1);
    assert.deepEqual(await read(), ["EUR PROVIDER_RECEIVABLE 101 30", "EUR SALES 0 101", "EUR SALES_REFUNDS 30 0"]);
  });
});
