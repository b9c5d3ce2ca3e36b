import type { Database } from "@quartet/chassis/storage/database";
import { eq, sql } from "@quartet/chassis/storage/drizzle";
import { excluded, placeholders } from "@quartet/chassis/storage/placeholders";
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
  const deleteRefund = orm
    .delete(refunds)
    .where(eq(refunds.id, sql.placeholder("id")))
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
    noRefund(id: string): void {
      deleteRefund.run({ id });
    },
    entry(paymentId: string, entry: LedgerEntry, createTime: number): void {
      insertEntry.run({ ...entry, paymentId, createTime });
    },
  };
}
