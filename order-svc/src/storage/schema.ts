import {
  index,
  integer,
  primaryKey,
  sql,
  sqliteTable,
  text,
  unique,
  uniqueIndex,
} from "@quartet/chassis/storage/drizzle";

const orderStates = ["PENDING", "AWAITING_PAYMENT", "CONFIRMED", "CANCELLED"] as const;

/** What is known about the products: a replica, fed by product-svc's events and answers. */
export const products = sqliteTable("products", {
  id: text("id").primaryKey().notNull(),
  version: integer("version").notNull(),
  displayName: text("display_name").notNull(),
  currency: text("currency").notNull(),
  priceMinor: integer("price_minor").notNull(),
  archived: integer("archived", { mode: "boolean" }).notNull(),
  confirmTime: integer("confirm_time").notNull(),
});

/** Orders. The request columns tell which request placed the order, for ever. */
export const orders = sqliteTable(
  "orders",
  {
    id: text("id").primaryKey().notNull(),
    userId: text("user_id").notNull(),
    requestId: text("request_id"),
    requestHash: text("request_hash"),
    state: text("state", { enum: orderStates }).notNull(),
    version: integer("version").notNull(),
    currency: text("currency").notNull(),
    totalMinor: integer("total_minor").notNull(),
    capturedMinor: integer("captured_minor").notNull(),
    refundedMinor: integer("refunded_minor").notNull(),
    cancelReason: text("cancel_reason", {
      enum: ["REQUESTED", "OUT_OF_STOCK", "PAYMENT_DECLINED", "DEADLINE_EXCEEDED", "USER_DELETED"],
    }),
    stockState: text("stock_state", { enum: ["RESERVED", "REJECTED", "SOLD", "RELEASED"] }),
    stockVersion: integer("stock_version").notNull(),
    paymentState: text("payment_state", { enum: ["CAPTURED", "DECLINED", "VOIDED", "REFUNDED"] }),
    paymentVersion: integer("payment_version").notNull(),
    paymentToken: text("payment_token"),
    stepEventId: text("step_event_id"),
    stepTime: integer("step_time"),
    createTime: integer("create_time").notNull(),
    updateTime: integer("update_time").notNull(),
    confirmTime: integer("confirm_time"),
  },
  (table) => [
    index("orders_by_user").on(table.userId, table.id),
    index("orders_by_user_and_state").on(table.userId, table.state, table.id),
    index("orders_by_state").on(table.state, table.id),
    uniqueIndex("orders_by_request").on(table.userId, table.requestId).where(sql`request_id IS NOT NULL`),
    index("orders_by_step").on(table.stepTime).where(sql`step_time IS NOT NULL`),
  ],
);

/** The users whose accounts were deleted, for ever: who is in here places no more orders. */
export const deletedUsers = sqliteTable(
  "deleted_users",
  {
    userId: text("user_id").primaryKey().notNull(),
    eventId: text("event_id").notNull(),
    recordTime: integer("record_time").notNull(),
    finishTime: integer("finish_time"),
  },
  (table) => [index("deleted_users_unfinished").on(table.userId).where(sql`finish_time IS NULL`)],
);

/** The lines of the orders, which never change. */
export const orderLines = sqliteTable(
  "order_lines",
  {
    orderId: text("order_id")
      .notNull()
      .references(() => orders.id),
    position: integer("position").notNull(),
    productId: text("product_id").notNull(),
    productVersion: integer("product_version").notNull(),
    displayName: text("display_name").notNull(),
    quantity: integer("quantity").notNull(),
    unitPriceMinor: integer("unit_price_minor").notNull(),
  },
  (table) => [primaryKey({ columns: [table.orderId, table.position] }), unique().on(table.orderId, table.productId)],
);

/** The timelines of the orders: one entry for each version of an order, which never changes. */
export const orderEvents = sqliteTable(
  "order_events",
  {
    orderId: text("order_id")
      .notNull()
      .references(() => orders.id),
    sequence: integer("sequence").notNull(),
    state: text("state", { enum: orderStates }).notNull(),
    cause: text("cause").notNull(),
    eventId: text("event_id").notNull(),
    recordTime: integer("record_time").notNull(),
    traceId: text("trace_id").notNull(),
  },
  (table) => [primaryKey({ columns: [table.orderId, table.sequence] }), unique().on(table.orderId, table.eventId)],
);
