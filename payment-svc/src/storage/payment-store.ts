import type { Database } from "@quartet/chassis/storage/database";
import { and, asc, eq, gt, lte, not, type SQL, sql } from "@quartet/chassis/storage/drizzle";
import type { OutgoingEvent } from "@quartet/chassis/storage/messages";
import { isOneOf } from "@quartet/chassis/storage/placeholders";
import type { UnitOfWork, Work } from "@quartet/chassis/storage/unit-of-work";
import type { PaymentStore } from "../app/ports.ts";
import { type Payment, type PaymentDecision, type PaymentEvent, providerPauseMaxMs } from "../domain/payment.ts";
import { createPaymentRows } from "./payment-rows.ts";
import { createPaymentWriter } from "./payment-writer.ts";
import { payments, refunds } from "./schema.ts";

/** Creates the store of payments on SQLite. `toOutgoing` encodes events for the outbox. */
export function createPaymentStore(options: {
  database: Database;
  unitOfWork: UnitOfWork;
  toOutgoing: (event: PaymentEvent) => OutgoingEvent;
  now: () => number;
}): PaymentStore {
  const { unitOfWork, toOutgoing, now } = options;
  const { orm } = options.database;
  const load = createPaymentRows(options.database);
  const write = createPaymentWriter(options.database);

  // The driver asks again and again: building these anew would cost more than running them.
  const captures = (isDue: SQL) =>
    orm
      .select({ paymentId: payments.id, time: payments.nextAttemptTime })
      .from(payments)
      .where(and(eq(payments.state, "CAPTURING"), isDue, not(isOneOf(payments.id, "excluded"))))
      .orderBy(asc(payments.nextAttemptTime))
      .limit(sql.placeholder("limit"))
      .prepare();
  const returns = (isDue: SQL) =>
    orm
      .select({ paymentId: refunds.paymentId, refundId: refunds.id, time: refunds.nextAttemptTime })
      .from(refunds)
      .where(and(eq(refunds.state, "REQUESTED"), isDue, not(isOneOf(refunds.id, "excluded"))))
      .orderBy(asc(refunds.nextAttemptTime))
      .limit(sql.placeholder("limit"))
      .prepare();
  const [soon, far] = [sql.placeholder("time"), sql.placeholder("farTime")];
  // Each a range of its index: in one query with OR, everything that waits would be sorted.
  const dueCaptures = [captures(lte(payments.nextAttemptTime, soon)), captures(gt(payments.nextAttemptTime, far))];
  const dueReturns = [returns(lte(refunds.nextAttemptTime, soon)), returns(gt(refunds.nextAttemptTime, far))];

  const requirePayment = (id: string): Payment => {
    const payment = load.payment(id);
    if (payment === undefined) throw new Error(`payments/${id} was saved and is gone`);
    return payment;
  };

  const save = (before: Payment | undefined, { next, entries, events }: PaymentDecision): Work<Payment> => {
    write.payment(next);
    const kept = new Set(next.refunds.map(({ id }) => id));
    for (const refund of before?.refunds ?? []) if (!kept.has(refund.id)) write.noRefund(refund.id);
    const unchanged = new Set(before?.refunds);
    for (const refund of next.refunds.filter((candidate) => !unchanged.has(candidate))) write.refund(next.id, refund);
    for (const entry of entries) write.entry(next.id, entry, now());
    return { value: next, events: events.map(toOutgoing) };
  };

  return {
    handle: (paymentId, message, decide) =>
      unitOfWork.commitMessage(message, () => {
        const payment = load.payment(paymentId);
        const decision = decide(payment);
        return decision === undefined ? { value: undefined } : save(payment, decision);
      }),

    update: (paymentId, decide) =>
      unitOfWork.commit((): Work<Payment | undefined> => {
        const payment = load.payment(paymentId);
        const decision = payment === undefined ? undefined : decide(payment);
        return decision === undefined ? { value: undefined } : save(payment, decision);
      }),

    refund: (paymentId, request, decide) =>
      unitOfWork.commitRequest(
        request,
        () => {
          const payment = load.payment(paymentId);
          const decision = decide(payment);
          const resource = paymentId;
          return decision === undefined
            ? { value: requirePayment(paymentId), resource }
            : { ...save(payment, decision), resource };
        },
        requirePayment,
      ),

    async due(time, limit, excluded = []) {
      const which = { time, farTime: time + providerPauseMaxMs, limit, excluded: JSON.stringify(excluded) };
      return [
        ...dueCaptures.flatMap((query) => query.all(which)).map((row) => ({ kind: "capture" as const, ...row })),
        ...dueReturns.flatMap((query) => query.all(which)).map((row) => ({ kind: "refund" as const, ...row })),
      ]
        .sort((one, other) => one.time - other.time)
        .slice(0, limit);
    },
  };
}
