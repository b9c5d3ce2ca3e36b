import { join } from "node:path";
import { eventually } from "@quartet/chassis/testing/eventually";
import type { Neighbour } from "@quartet/chassis/testing/neighbour";
import { OrderCancelledSchema, OrderReadyForPaymentSchema } from "@quartet/proto/shop/order/v1/order_events_pb";
import BetterSqlite3 from "better-sqlite3";

/** The money of orders seen from round a running service: what it is told, what it says, and what it leaves on disk. */
export interface MoneyTrail {
  /** Says that an order of ada's over 25.98 is ready for payment. */
  pay(id: string, paymentToken?: string, times?: number): Promise<void>;
  /** Says that the order was cancelled. */
  cancel(id: string, times?: number): Promise<void>;
  /** The names of the events about an order, in their order, once there are as many. */
  said(id: string, count: number): Promise<string[]>;
  /** What the provider did for an order, by its own record. */
  provided(id: string): string[];
  /** How often the provider was called with each key. */
  calls(): Record<string, unknown>[];
  /** Debits less credits of an order, account by account. */
  booked(id: string): string[];
}

/** Creates the view of a service that keeps its files in `dataDir`. */
export function createMoneyTrail(options: { dataDir: string; neighbour: Neighbour }): MoneyTrail {
  const { dataDir, neighbour } = options;
  /** Opens a file, reads and closes it. */
  const read = (file: string, query: string, ...values: string[]) => {
    const database = new BetterSqlite3(join(dataDir, file));
    try {
      return database.prepare<string[], Record<string, unknown>>(query).all(...values);
    } finally {
      database.close();
    }
  };
  return {
    pay(id, paymentToken = "tok_visa", times = 1) {
      const amount = { currency: "EUR", minorUnits: 2598n };
      const order = { order: `orders/${id}`, user: "users/ada", amount, paymentToken };
      return neighbour.say(OrderReadyForPaymentSchema, order, { times });
    },
    cancel: (id, times = 1) =>
      neighbour.say(OrderCancelledSchema, { order: `orders/${id}`, user: "users/ada" }, { times }),
    async said(id, count) {
      const aboutIt = () => neighbour.heard.filter(({ aggregate }) => aggregate === `payments/${id}`);
      await eventually(`${count} event(s) about ${id}`, () => aboutIt().length >= count);
      return aboutIt().map(({ type }) => type.split(".").at(-1) ?? "");
    },
    provided: (id) =>
      read("test-provider.sqlite", "SELECT key, status, amount_minor FROM operations ORDER BY rowid")
        .filter(({ key }) => String(key).includes(`/${id}`))
        .map(({ status, amount_minor }) => `${status} ${amount_minor}`),
    calls: () => read("test-provider.sqlite", "SELECT * FROM calls"),
    booked: (id) =>
      read(
        "payment-svc.sqlite",
        `SELECT account, sum(debit_minor) - sum(credit_minor) AS balance FROM ledger_entries
         WHERE payment_id = ? GROUP BY account ORDER BY account`,
        id,
      ).map(({ account, balance }) => `${account} ${balance}`),
  };
}
