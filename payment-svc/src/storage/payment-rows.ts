import type { Database } from "@quartet/chassis/storage/database";
import { eq, type InferSelectModel, sql } from "@quartet/chassis/storage/drizzle";
import type { Payment, Refund } from "../domain/payment.ts";
import { payments, refunds } from "./schema.ts";

type PaymentRow = InferSelectModel<typeof payments>;

/** Loads payments with their refunds. Called inside and outside transactions. */
export function createPaymentRows({ orm }: Database) {
  const byId = orm
    .select()
    .from(payments)
    .where(eq(payments.id, sql.placeholder("id")))
    .prepare();
  const refundsOf = orm
    .select()
    .from(refunds)
    .where(eq(refunds.paymentId, sql.placeholder("id")))
    .orderBy(sql`rowid`)
    .prepare();

  const withRefunds = (row: PaymentRow): Payment => {
    const { currency, amountMinor, paymentToken, ...payment } = row;
    const amount = currency === null || amountMinor === null ? undefined : { currency, minorUnits: amountMinor };
    const found = refundsOf.all({ id: row.id }).map(({ paymentId: _, requestHash, ...refund }): Refund => {
      return { ...refund, requestHash: requestHash ?? undefined };
    });
    return { ...payment, amount, paymentToken: paymentToken ?? undefined, refunds: found };
  };

  return {
    withRefunds,
    payment(id: string): Payment | undefined {
      const row = byId.get({ id });
      return row === undefined ? undefined : withRefunds(row);
    },
  };
}

/** Returns the row of a payment, without its refunds. */
export function toRow(payment: Payment): PaymentRow {
  const { amount, paymentToken, refunds: _, ...row } = payment;
  return {
    ...row,
    currency: amount?.currency ?? null,
    amountMinor: amount?.minorUnits ?? null,
    paymentToken: paymentToken ?? null,
  };
}
