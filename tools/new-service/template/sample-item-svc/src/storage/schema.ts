import { index, integer, sqliteTable, text } from "@quartet/chassis/storage/drizzle";

/** Sample items. */
export const sampleItems = sqliteTable(
  "sample_items",
  {
    id: text("id").primaryKey().notNull(),
    userId: text("user_id").notNull(),
    displayName: text("display_name").notNull(),
    version: integer("version").notNull(),
    createTime: integer("create_time").notNull(),
    updateTime: integer("update_time").notNull(),
  },
  (table) => [index("sample_items_by_user").on(table.userId, table.id)],
);
