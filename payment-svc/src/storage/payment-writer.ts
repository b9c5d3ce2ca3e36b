import type { Database } from "@quartet/chassis/storage/database";
import { getTableColumns, sql } from "@quartet/chassis/storage/drizzle";
import type { LedgerEntry, Payment, Refund } from "../domain/payment.ts";
import { toRow } from "./payment-rows.ts";
import { ledgerEntries, payments, refunds } from "./schema.ts";

/**
 * Saves payments, refunds and the ledger, to be called inside a transaction. The statements are prepared once: building
 * them anew would cost more than running them.
 */
export function createPaymentWriter({ orm }: Database) {
  const upsertPayment = orm
    .insert(payments)
    .values(placeholders(payments))
    .onConflictDoUpdate({ target: payments.id, set: excluded(payments) })
    .prepare();
  const upsertRefund = orm
    .insert(refunds)
    .values(placeholders(refunds))
    .onConflictDoUpdate({ target: refunds.id, set: excluded(refunds) })
    .prepare();
  const { seq: _, ...entryValues } = placeholders(ledgerEntries);
  const insertEntry = orm.insert(ledgerEntries).values(entryValues).prepare();

  return {
    payment(payment: Payment): void {
      upsertPayment.run(toRow(payment));
    },
    refund(paymentId: string, refund: Refund): void {
      upsertRefund.run({ ...refund, paymentId, requestHash: refund.requestHash ?? null });
    },
    entry(paymentId: string, entry: LedgerEntry, createTime: number): void {
      insertEntry.run({ ...entry, paymentId, createTime });
    },
  };
}

type Table = typeof payments | typeof refunds | typeof ledgerEntries;

/** One placeholder for each column, by the name the schema gives it. */
function placeholders<T extends Table>(table: T): T["$inferInsert"] {
  const columns = Object.keys(getTableColumns(table));
  return Object.fromEntries(columns.map((name) => [name, sql.placeholder(name)])) as unknown as T["$inferInsert"];
}

/** Every column but the id, with the value that could not be inserted. */
function excluded<T extends Table>(table: T): Partial<T["$inferInsert"]> {
  const columns = Object.entries(getTableColumns(table)).filter(([name]) => name !== "id");
  return Object.fromEntries(
    columns.map(([name, { name: column }]) => [name, sql.raw(`excluded."${column}"`)]),
  ) as unknown as Partial<T["$inferInsert"]>;
}
