import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSnapshot } from "@quartet/chassis/storage/read-snapshot";
import BetterSqlite3 from "better-sqlite3";
import { afterEach, beforeEach, describe, it } from "mocha";
import { audit } from "../audit/audit.ts";
import { databaseFile } from "../audit/database-file.ts";
import { describeFinding } from "../audit/finding.ts";
import { openSmallShop, type SmallShop } from "../audit/testing/small-shop.ts";
import { backUp } from "./back-up.ts";
import { serviceFiles } from "./backed-up-files.ts";
import { restore } from "./restore.ts";

const startTime = Date.UTC(2026, 0, 1);
const [restoreTime, laterTime] = [startTime + 50_000, startTime + 100_000];

/** No restore turns back the payment provider, which then knows of captures that nobody here remembers. */
describe("what the provider captured after the backup, for orders from before it", () => {
  let folder: string;
  let dataDir: string;
  let shop: SmallShop;
  let cup: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "quartet-memory-"));
    dataDir = join(folder, "data");
    shop = await openSmallShop(dataDir, startTime);
    await shop.signUp("ada");
    cup = await shop.createProduct(3);
    await shop.settle();
  });
  afterEach(async () => {
    await shop.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Backs up, goes on until all is done, and restores. */
  const forgetTheRest = async (more = async () => {}, clock = restoreTime) => {
    const target = join(folder, "kept");
    await backUp({ dataDir, target, now: shop.now });
    await more();
    await shop.settle();
    await shop.close();
    await restore({ dataDir, from: target, now: () => clock });
    shop = await openSmallShop(dataDir, laterTime);
  };
  const look = async () => {
    const read = async (source: Parameters<typeof databaseFile>[1], queries: Record<string, string>) =>
      readSnapshot(databaseFile(dataDir, source), queries) as Record<string, unknown[]>;
    const { findings, waiting } = await audit({ read }, { now: () => laterTime + 1_000 });
    return [...findings, ...waiting].map(describeFinding);
  };
  const provided = () =>
    (
      readSnapshot(databaseFile(dataDir, "test-provider"), {
        rows: "SELECT key, status FROM operations ORDER BY rowid",
      }).rows as readonly { key: string; status: string }[]
    ).map(({ key, status }) => `${key} ${status}`);

  it("goes back when the order is cancelled before its payment comes up again", async () => {
    const order = await shop.order("ada", cup);
    await forgetTheRest();
    assert.deepEqual(provided(), [`capture/${order} CAPTURED`]);
    assert.deepEqual(
      (await look()).filter((line) => line.startsWith("I5")),
      [
        `I5 payment-svc and test-provider: capture/${order}: CAPTURED 2598 EUR by the provider, and its order has not come to its payment here yet`,
      ],
    );
    await shop.cancel(order);
    await shop.settle();
    assert.deepEqual(provided().slice(1), [`refund/${order}/cancel REFUNDED`]);
    assert.deepEqual(await look(), []);
  });

  it("goes back when its stock now goes to another", async () => {
    const [first, second] = [await shop.order("ada", cup), await shop.order("ada", cup)];
    await forgetTheRest();
    // The second comes first this time.
    shop.databases["order-svc"].sqlite.exec(
      `UPDATE outbox SET seq = seq + 1000 WHERE aggregate = 'orders/${first}' AND sent_time IS NULL`,
    );
    await shop.settle();
    assert.deepEqual(
      provided().sort(),
      [`capture/${first} CAPTURED`, `capture/${second} CAPTURED`, `refund/${first}/cancel REFUNDED`].sort(),
    );
    assert.deepEqual(await look(), []);
  });

  it("goes back but for what an administrator has refunded, which is booked again", async () => {
    const orders = [await shop.order("ada", cup)];
    await shop.settle();
    await shop.adjustStock(cup, 2);
    orders.push(await shop.order("ada", cup));
    await forgetTheRest(async () => {
      await shop.settle();
      for (const order of orders) await shop.refund(order, 598);
    });
    assert.deepEqual(
      (await look()).filter((line) => line.includes("nobody here")).map((line) => line.replace(/.* by the/, "the")),
      orders.map(() => "the provider, for an order that is here, and nobody here remembers it"),
    );
    for (const order of orders) await shop.cancel(order);
    await shop.settle();
    assert.deepEqual(await look(), []);
  });

  it("goes back though a part of it, and then the rest, had gone back before", async () => {
    const order = await shop.order("ada", cup);
    await shop.settle();
    await forgetTheRest(async () => {
      await shop.refund(order, 598);
      await shop.settle();
      await shop.cancel(order);
    });
    const before = provided();
    assert.equal(before.length, 3);
    await shop.cancel(order);
    await shop.settle();
    assert.deepEqual(provided(), before);
    assert.deepEqual(await look(), []);
  });

  it("goes back when the clock of whoever restores is behind", async () => {
    const order = await shop.order("ada", cup);
    await forgetTheRest(undefined, startTime - 3_600_000);
    await shop.cancel(order);
    await shop.settle();
    assert.deepEqual(provided().slice(1), [`refund/${order}/cancel REFUNDED`]);
  });

  it("is not looked for where a restore cannot have turned anything back", async () => {
    await forgetTheRest();
    const order = await shop.order("ada", cup);
    await shop.cancel(order);
    await shop.settle();
    const { rows } = readSnapshot(databaseFile(dataDir, "payment-svc"), {
      rows: "SELECT state, attempts FROM payments",
    });
    assert.deepEqual(rows, [{ state: "VOIDED", attempts: 0 }]);
  });

  it("is looked for, too, after a backup from before restores and repetitions were recorded", async () => {
    const order = await shop.order("ada", cup);
    const changeAll = (sql: string) => {
      for (const path of serviceFiles) {
        const database = new BetterSqlite3(join(dataDir, path));
        database.exec(sql);
        database.close();
      }
    };
    changeAll(
      `DROP TABLE restores; DROP INDEX inbox_started; ALTER TABLE outbox DROP COLUMN sent_again;
      DELETE FROM migrations WHERE source = 'chassis' AND name >= '0002'`,
    );
    const migration = readFileSync(join(import.meta.dirname, "../../chassis/migrations/0002_sent_again.sql"), "utf8");
    await forgetTheRest(async () => changeAll(migration));
    await shop.cancel(order);
    await shop.settle();
    assert.deepEqual(provided().slice(1), [`refund/${order}/cancel REFUNDED`]);
    assert.deepEqual(await look(), []);
  });
});
