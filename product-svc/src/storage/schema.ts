import { index, integer, primaryKey, sql, sqliteTable, text } from "@quartet/chassis/storage/drizzle";

const active = sql`state = 'ACTIVE'`;

/**
 * Products with their stock. `available + held + sold` is the sum of the product's adjustments. The words of the active
 * ones are in `product_search`, by `seq`: a table of FTS5 that triggers keep, which the migrations alone know.
 */
export const products = sqliteTable(
  "products",
  {
    seq: integer("seq").primaryKey(),
    id: text("id").notNull().unique(),
    displayName: text("display_name").notNull(),
    nameSortKey: text("name_sort_key").notNull().default(""),
    description: text("description").notNull(),
    category: text("category").notNull(),
    currency: text("currency").notNull(),
    priceMinor: integer("price_minor").notNull(),
    available: integer("available").notNull(),
    held: integer("held").notNull(),
    sold: integer("sold").notNull(),
    state: text("state", { enum: ["ACTIVE", "ARCHIVED"] }).notNull(),
    version: integer("version").notNull(),
    createTime: integer("create_time").notNull(),
    updateTime: integer("update_time").notNull(),
  },
  (table) => [
    index("products_by_time").on(table.createTime, table.id, table.currency, table.priceMinor).where(active),
    index("products_by_name").on(table.nameSortKey, table.id, table.currency, table.priceMinor).where(active),
    index("products_by_price").on(table.currency, table.priceMinor, table.id).where(active),
    index("products_by_category_time")
      .on(table.category, table.createTime, table.id, table.currency, table.priceMinor)
      .where(active),
    index("products_by_category_name")
      .on(table.category, table.nameSortKey, table.id, table.currency, table.priceMinor)
      .where(active),
    index("products_by_category_price").on(table.category, table.currency, table.priceMinor, table.id).where(active),
  ],
);

/** Every change of stock by an administrator, the first stock included. */
export const stockAdjustments = sqliteTable(
  "stock_adjustments",
  {
    seq: integer("seq").primaryKey({ autoIncrement: true }),
    productId: text("product_id")
      .notNull()
      .references(() => products.id),
    quantityDelta: integer("quantity_delta").notNull(),
    reason: text("reason").notNull(),
    createTime: integer("create_time").notNull(),
  },
  (table) => [index("stock_adjustments_by_product").on(table.productId)],
);

/** The stock of each order that was ever heard of. */
export const reservations = sqliteTable("reservations", {
  orderId: text("order_id").primaryKey().notNull(),
  state: text("state", { enum: ["HELD", "REJECTED", "SOLD", "RELEASED"] }).notNull(),
  version: integer("version").notNull(),
  createTime: integer("create_time").notNull(),
  updateTime: integer("update_time").notNull(),
});

/** What is held for an order, or was sold to it. */
export const reservationLines = sqliteTable(
  "reservation_lines",
  {
    orderId: text("order_id")
      .notNull()
      .references(() => reservations.orderId),
    productId: text("product_id")
      .notNull()
      .references(() => products.id),
    quantity: integer("quantity").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.orderId, table.productId] }),
    index("reservation_lines_by_product").on(table.productId),
  ],
);
