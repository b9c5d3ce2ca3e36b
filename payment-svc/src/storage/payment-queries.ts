import type { Database } from "@quartet/chassis/storage/database";
import { and, desc, eq, lt } from "@quartet/chassis/storage/drizzle";
import type { PaymentQueries } from "../app/ports.ts";
import { createPaymentRows } from "./payment-rows.ts";
import { payments } from "./schema.ts";

/** Creates the reads of payments on SQLite. */
export function createPaymentQueries(options: { database: Database }): PaymentQueries {
  const { orm, sqlite } = options.database;
  const load = createPaymentRows(options.database);
  const countWaiting = sqlite
    .prepare<[], number>(
      "SELECT (SELECT count(*) FROM payments WHERE state = 'CAPTURING') + " +
        "(SELECT count(*) FROM refunds WHERE state = 'REQUESTED')",
    )
    .pluck();
  return {
    waitingCount: () => countWaiting.get() ?? 0,
    get: async (paymentId) => load.payment(paymentId),
    list: async ({ userId, afterId, limit }) =>
      orm
        .select()
        .from(payments)
        .where(and(eq(payments.userId, userId), afterId === undefined ? undefined : lt(payments.id, afterId)))
        .orderBy(desc(payments.id))
        .limit(limit)
        .all()
        .map(load.withRefunds),
  };
}
