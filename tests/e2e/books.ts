import assert from "node:assert/strict";
import { eventually } from "@quartet/chassis/testing/eventually";
import { serviceNames } from "../../tools/stack/stack-config.ts";
import type { System } from "./system.ts";

const settleTimeoutMs = 60_000;

interface OrderRow {
  readonly id: string;
  readonly state: string;
  readonly total: number;
  readonly captured: number;
  readonly refunded: number;
}

interface PaymentRow {
  readonly id: string;
  readonly state: string;
  readonly amount: number | null;
  readonly refunded: number;
}

/** Money that the provider captured or returned, under the key it was told. */
interface Movement {
  readonly key: string;
  readonly amount: number;
}

/**
 * Asserts that the four databases and the provider's own record agree: every order is final, its stock and money are what
 * its state says, stock and ledger add up, every event went out and every message was handled once. Waits for what is
 * still on its way.
 */
export async function assertBooksAgree(system: System): Promise<void> {
  let problems: string[] = ["not looked at"];
  const look = async () => {
    problems = await findDisagreements(system);
    return problems.length === 0;
  };
  await eventually("the books agree", look, settleTimeoutMs).catch(() => assert.deepEqual(problems, []));
}

/** Every way in which the books disagree, in words. */
async function findDisagreements(system: System): Promise<string[]> {
  const orders = await system.query<OrderRow>(
    "order-svc",
    "SELECT id, state, total_minor AS total, captured_minor AS captured, refunded_minor AS refunded FROM orders",
  );
  const payments = await system.query<PaymentRow>(
    "payment-svc",
    `SELECT id, state, amount_minor AS amount,
      (SELECT coalesce(sum(amount_minor), 0) FROM refunds WHERE payment_id = payments.id AND state = 'DONE') AS refunded
     FROM payments`,
  );
  return [
    ...ordersAgainstPayments(orders, payments),
    ...(await ordersAgainstStock(system, orders)),
    ...(await stockAddsUp(system)),
    ...(await ledgerBalances(system, payments)),
    ...(await providerAgrees(system, payments)),
    ...(await timelinesHaveNoGap(system)),
    ...(await nothingWaits(system)),
  ];
}

function ordersAgainstPayments(orders: readonly OrderRow[], payments: readonly PaymentRow[]): string[] {
  const paymentOf = new Map(payments.map((payment) => [payment.id, payment]));
  const unknown = payments.filter((payment) => !orders.some((order) => order.id === payment.id));
  const problems = unknown.map((payment) => `payments/${payment.id} has no order`);
  for (const order of orders) {
    const payment = paymentOf.get(order.id);
    const captured = payment?.state === "CAPTURED" ? (payment.amount ?? 0) : 0;
    const refunded = payment?.refunded ?? 0;
    const says = `orders/${order.id} ${order.state} of ${order.total}, payment ${payment?.state} ${captured} - ${refunded}`;
    if (order.captured !== captured || order.refunded !== refunded) problems.push(`${says}: the order knows otherwise`);
    if (order.state === "CONFIRMED" && captured !== order.total) problems.push(`${says}: not paid`);
    if (order.state === "CANCELLED" && captured !== refunded) problems.push(`${says}: not returned`);
    if (order.state === "CANCELLED" && payment?.state === "CAPTURING") problems.push(`${says}: not closed`);
    if (order.state !== "CONFIRMED" && order.state !== "CANCELLED") problems.push(`${says}: not final`);
  }
  return problems;
}

async function ordersAgainstStock(system: System, orders: readonly OrderRow[]): Promise<string[]> {
  const reservations = await system.query<{ id: string; state: string; lines: string }>(
    "product-svc",
    `SELECT r.order_id AS id, r.state,
      (SELECT group_concat(product_id || ' ' || quantity) FROM
        (SELECT * FROM reservation_lines WHERE order_id = r.order_id ORDER BY product_id)) AS lines
     FROM reservations r`,
  );
  const lines = await system.query<{ id: string; lines: string }>(
    "order-svc",
    `SELECT order_id AS id, group_concat(product_id || ' ' || quantity) AS lines FROM
      (SELECT * FROM order_lines ORDER BY order_id, product_id) GROUP BY order_id`,
  );
  const reservationOf = new Map(reservations.map((reservation) => [reservation.id, reservation]));
  const linesOf = new Map(lines.map((line) => [line.id, line.lines]));
  return orders.flatMap(({ id, state }) => {
    const reservation = reservationOf.get(id);
    const expected = state === "CONFIRMED" ? "SOLD" : "RELEASED";
    if (reservation?.state !== expected) return [`orders/${id} is ${state}, its stock ${reservation?.state}`];
    if (state === "CONFIRMED" && reservation.lines !== linesOf.get(id)) return [`orders/${id} was sold something else`];
    return [];
  });
}

async function stockAddsUp(system: System): Promise<string[]> {
  const rows = await system.query<{ id: string }>(
    "product-svc",
    `SELECT id FROM products p WHERE
       available + held + sold <> (SELECT sum(quantity_delta) FROM stock_adjustments WHERE product_id = p.id)
       OR held <> (SELECT coalesce(sum(l.quantity), 0) FROM reservation_lines l JOIN reservations r USING (order_id)
                   WHERE l.product_id = p.id AND r.state = 'HELD')
       OR sold <> (SELECT coalesce(sum(l.quantity), 0) FROM reservation_lines l JOIN reservations r USING (order_id)
                   WHERE l.product_id = p.id AND r.state = 'SOLD')`,
  );
  return rows.map(({ id }) => `the stock of products/${id} does not add up`);
}

async function ledgerBalances(system: System, payments: readonly PaymentRow[]): Promise<string[]> {
  const unbalanced = await system.query<{ movement: string }>(
    "payment-svc",
    "SELECT movement FROM ledger_entries GROUP BY movement, currency HAVING sum(debit_minor) <> sum(credit_minor)",
  );
  const [atProvider] = await system.query<{ minor: number }>(
    "payment-svc",
    `SELECT coalesce(sum(debit_minor - credit_minor), 0) AS minor FROM ledger_entries
     WHERE account = 'PROVIDER_RECEIVABLE'`,
  );
  const kept = payments
    .filter((payment) => payment.state === "CAPTURED")
    .reduce((sum, payment) => sum + (payment.amount ?? 0) - payment.refunded, 0);
  return [
    ...unbalanced.map(({ movement }) => `${movement} does not balance`),
    ...(atProvider?.minor === kept ? [] : [`the ledger has ${atProvider?.minor} at the provider, payments ${kept}`]),
  ];
}

async function providerAgrees(system: System, payments: readonly PaymentRow[]): Promise<string[]> {
  const operations = await system.query<Movement>(
    "test-provider",
    "SELECT key, amount_minor AS amount FROM operations WHERE status <> 'DECLINED'",
  );
  const refunds = await system.query<Movement>(
    "payment-svc",
    "SELECT 'refund/' || id AS key, amount_minor AS amount FROM refunds WHERE state = 'DONE'",
  );
  const captures = payments
    .filter((payment) => payment.state === "CAPTURED")
    .map(({ id, amount }): Movement => ({ key: `capture/${id}`, amount: amount ?? 0 }));
  const ours = new Map([...captures, ...refunds].map(({ key, amount }) => [key, amount]));
  const theirs = new Map(operations.map(({ key, amount }) => [key, amount]));
  return [...new Set([...ours.keys(), ...theirs.keys()])]
    .filter((key) => ours.get(key) !== theirs.get(key))
    .map((key) => `${key}: the provider moved ${theirs.get(key)}, we ${ours.get(key)}`);
}

async function timelinesHaveNoGap(system: System): Promise<string[]> {
  const rows = await system.query<{ id: string }>(
    "order-svc",
    `SELECT order_id AS id FROM order_events GROUP BY order_id
     HAVING min(sequence) <> 1 OR max(sequence) <> count(*)`,
  );
  return rows.map(({ id }) => `the timeline of orders/${id} has a gap`);
}

async function nothingWaits(system: System): Promise<string[]> {
  const found = await Promise.all(
    serviceNames.map(async (service) => {
      const [row] = await system.query<{ unsent: number; undone: number }>(
        service,
        `SELECT (SELECT count(*) FROM outbox WHERE sent_time IS NULL) AS unsent,
                (SELECT count(*) FROM inbox WHERE state <> 'done') AS undone`,
      );
      return row?.unsent === 0 && row.undone === 0
        ? []
        : [`${service}: ${JSON.stringify(row)} events and messages wait`];
    }),
  );
  return found.flat();
}
