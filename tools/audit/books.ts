/** An order as order-svc has it. Amounts are minor units, times ms since the epoch. */
export interface OrderRow {
  readonly id: string;
  readonly user: string;
  readonly state: "PENDING" | "AWAITING_PAYMENT" | "CONFIRMED" | "CANCELLED";
  readonly currency: string;
  readonly total: number;
  readonly captured: number;
  readonly refunded: number;
  readonly stockState: "RESERVED" | "REJECTED" | "SOLD" | "RELEASED" | null;
  readonly stockVersion: number;
  readonly paymentState: "CAPTURED" | "DECLINED" | "VOIDED" | "REFUNDED" | null;
  readonly paymentVersion: number;
  readonly updateTime: number;
  readonly confirmTime: number | null;
  /** Products and quantities, by product. */
  readonly lines: string | null;
}

/** A payment as payment-svc has it, with what its refunds come to. */
export interface PaymentRow {
  readonly id: string;
  readonly user: string;
  readonly state: "CAPTURING" | "CAPTURED" | "DECLINED" | "VOIDED";
  readonly currency: string | null;
  readonly amount: number | null;
  readonly attempts: number;
  readonly version: number;
  readonly updateTime: number;
  readonly refunded: number;
  readonly toRefund: number;
}

/** A refund as payment-svc has it. */
export interface RefundRow {
  readonly id: string;
  readonly payment: string;
  readonly amount: number;
  readonly currency: string;
  readonly state: "REQUESTED" | "DONE";
}

/** The stock of an order as product-svc has it; `lines` as in an order. */
export interface ReservationRow {
  readonly id: string;
  readonly state: "HELD" | "REJECTED" | "SOLD" | "RELEASED";
  readonly version: number;
  readonly updateTime: number;
  readonly lines: string | null;
}

/** What the test provider did, by the key it was told. */
export interface OperationRow {
  readonly key: string;
  readonly status: "CAPTURED" | "DECLINED" | "REFUNDED";
  readonly currency: string;
  readonly amount: number;
}

/** What is said of a product, by product-svc or in order-svc's replica. */
export interface ProductRow {
  readonly id: string;
  readonly version: number;
  /** Name, price and state in one. */
  readonly said: string;
  readonly updateTime: number;
}

/** An event in an outbox. */
export interface EventRow {
  readonly id: string;
  readonly type: string;
  readonly aggregate: string;
  readonly version: number;
  readonly createTime: number;
  readonly sentTime: number | null;
}

/** A message in an inbox that is done. */
export interface MessageRow {
  readonly id: string;
  readonly type: string;
  readonly aggregate: string;
  readonly version: number;
  /** When its event was recorded. */
  readonly eventTime: number;
}

/** The stock of all products, in pieces; one row. */
export interface StockRow {
  readonly products: number;
  readonly available: number;
  readonly held: number;
  readonly sold: number;
  readonly putIn: number;
}

/** What an account of the ledger comes to: debits less credits. */
export interface LedgerRow {
  readonly account: string;
  readonly currency: string;
  readonly balance: number;
}

/** How many accounts of users there are; one row. */
export interface AccountsRow {
  readonly users: number;
  readonly deleted: number;
  readonly sessions: number;
}

/** What each kind of row is read with. */
export const bookQueries = {
  orders: `
    SELECT id, user_id AS user, state, currency, total_minor AS total, captured_minor AS captured,
      refunded_minor AS refunded, stock_state AS stockState, stock_version AS stockVersion,
      payment_state AS paymentState, payment_version AS paymentVersion, update_time AS updateTime,
      confirm_time AS confirmTime,
      (SELECT group_concat(product_id || ' ' || quantity, ', ' ORDER BY product_id) FROM order_lines
       WHERE order_id = orders.id) AS lines
    FROM orders`,
  payments: `
    SELECT p.id, p.user_id AS user, p.state, p.currency, p.amount_minor AS amount, p.attempts, p.version,
      p.update_time AS updateTime, coalesce(sum(iif(r.state = 'DONE', r.amount_minor, 0)), 0) AS refunded,
      coalesce(sum(iif(r.state = 'REQUESTED', r.amount_minor, 0)), 0) AS toRefund
    FROM payments p LEFT JOIN refunds r ON r.payment_id = p.id GROUP BY p.id`,
  refunds: `
    SELECT r.id, r.payment_id AS payment, r.amount_minor AS amount, p.currency, r.state
    FROM refunds r JOIN payments p ON p.id = r.payment_id`,
  reservations: `
    SELECT order_id AS id, state, version, update_time AS updateTime,
      (SELECT group_concat(product_id || ' ' || quantity, ', ' ORDER BY product_id) FROM reservation_lines l
       WHERE l.order_id = reservations.order_id) AS lines
    FROM reservations`,
  operations: "SELECT key, status, currency, amount_minor AS amount FROM operations",
  products: `
    SELECT id, version, display_name || ' at ' || price_minor || ' ' || currency || ' ' || state AS said,
      update_time AS updateTime
    FROM products`,
  replicas: `
    SELECT id, version,
      display_name || ' at ' || price_minor || ' ' || currency || iif(archived, ' ARCHIVED', ' ACTIVE') AS said,
      confirm_time AS updateTime
    FROM products`,
  stock: `
    SELECT count(*) AS products, coalesce(sum(available), 0) AS available, coalesce(sum(held), 0) AS held,
      coalesce(sum(sold), 0) AS sold, (SELECT coalesce(sum(quantity_delta), 0) FROM stock_adjustments) AS putIn
    FROM products`,
  ledger: `
    SELECT account, currency, sum(debit_minor - credit_minor) AS balance FROM ledger_entries
    GROUP BY account, currency ORDER BY currency, account`,
  accounts: `
    SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM deleted_users) AS deleted,
      (SELECT count(*) FROM sessions) AS sessions`,
  events: `
    SELECT event_id AS id, type, aggregate, version, create_time AS createTime, sent_time AS sentTime FROM outbox`,
  messages: `
    SELECT message_id AS id, type, aggregate, version, message_time AS eventTime FROM inbox WHERE state = 'done'`,
} as const;

/** The row that each query of {@link bookQueries} returns. */
export interface BookRows {
  readonly orders: OrderRow;
  readonly payments: PaymentRow;
  readonly refunds: RefundRow;
  readonly reservations: ReservationRow;
  readonly operations: OperationRow;
  readonly products: ProductRow;
  readonly replicas: ProductRow;
  readonly stock: StockRow;
  readonly ledger: LedgerRow;
  readonly accounts: AccountsRow;
  readonly events: EventRow;
  readonly messages: MessageRow;
}

export type Book = keyof BookRows;

/**
 * What was read of a service before (first) and after (second) the services it depends on; see plan.ts. A book that could
 * not be read is undefined.
 */
export interface Books {
  first<B extends Book>(source: string, book: B): readonly BookRows[B][] | undefined;
  second<B extends Book>(source: string, book: B): readonly BookRows[B][] | undefined;
}
