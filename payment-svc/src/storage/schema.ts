import { index, integer, primaryKey, sql, sqliteTable, text, unique } from "@quartet/chassis/storage/drizzle";

/** The money of each order, under the order's id. */
export const payments = sqliteTable(
  "payments",
  {
    id: text("id").primaryKey().notNull(),
    userId: text("user_id").notNull(),
    state: text("state", { enum: ["CAPTURING", "CAPTURED", "DECLINED", "VOIDED"] }).notNull(),
    currency: text("currency"),
    amountMinor: integer("amount_minor"),
    paymentToken: text("payment_token"),
    attempts: integer("attempts").notNull(),
    nextAttemptTime: integer("next_attempt_time").notNull(),
    isCancelRequested: integer("is_cancel_requested", { mode: "boolean" }).notNull(),
    declineCode: text("decline_code").notNull(),
    version: integer("version").notNull(),
    createTime: integer("create_time").notNull(),
    updateTime: integer("update_time").notNull(),
  },
  (table) => [
    index("payments_by_user").on(table.userId, table.id),
    index("payments_capturing").on(table.nextAttemptTime).where(sql`state = 'CAPTURING'`),
  ],
);

/** Money on its way back, or returned. */
export const refunds = sqliteTable(
  "refunds",
  {
    id: text("id").primaryKey().notNull(),
    paymentId: text("payment_id")
      .notNull()
      .references(() => payments.id),
    amountMinor: integer("amount_minor").notNull(),
    state: text("state", { enum: ["REQUESTED", "DONE"] }).notNull(),
    attempts: integer("attempts").notNull(),
    nextAttemptTime: integer("next_attempt_time").notNull(),
    reason: text("reason").notNull().default(""),
    requestHash: text("request_hash"),
  },
  (table) => [
    index("refunds_by_payment").on(table.paymentId),
    index("refunds_requested").on(table.nextAttemptTime).where(sql`state = 'REQUESTED'`),
  ],
);

/** The books: double entry, append-only. */
export const ledgerEntries = sqliteTable(
  "ledger_entries",
  {
    seq: integer("seq").primaryKey({ autoIncrement: true }),
    movement: text("movement").notNull(),
    paymentId: text("payment_id")
      .notNull()
      .references(() => payments.id),
    account: text("account", { enum: ["PROVIDER_RECEIVABLE", "SALES", "SALES_REFUNDS"] }).notNull(),
    currency: text("currency").notNull(),
    debitMinor: integer("debit_minor").notNull(),
    creditMinor: integer("credit_minor").notNull(),
    createTime: integer("create_time").notNull(),
  },
  (table) => [unique().on(table.movement, table.account), index("ledger_entries_by_payment").on(table.paymentId)],
);

/** What the books come to. Kept by a trigger of the ledger. */
export const ledgerBalances = sqliteTable(
  "ledger_balances",
  {
    currency: text("currency").notNull(),
    account: text("account", { enum: ["PROVIDER_RECEIVABLE", "SALES", "SALES_REFUNDS"] }).notNull(),
    debitMinor: integer("debit_minor").notNull(),
    creditMinor: integer("credit_minor").notNull(),
  },
  (table) => [primaryKey({ columns: [table.currency, table.account] })],
);
