import { index, integer, sqliteTable, text } from "@quartet/chassis/storage/drizzle";

/** Accounts. */
export const users = sqliteTable("users", {
  id: text("id").primaryKey().notNull(),
  email: text("email").notNull().unique(),
  displayName: text("display_name").notNull(),
  role: text("role", { enum: ["CUSTOMER", "ADMIN"] }).notNull(),
  passwordHash: text("password_hash").notNull(),
  version: integer("version").notNull(),
  createTime: integer("create_time").notNull(),
  updateTime: integer("update_time").notNull(),
});

/** Logins that can still be renewed. */
export const sessions = sqliteTable(
  "sessions",
  {
    id: text("id").primaryKey().notNull(),
    userId: text("user_id")
      .notNull()
      .references(() => users.id),
    refreshTokenHash: text("refresh_token_hash").notNull().unique(),
    createTime: integer("create_time").notNull(),
    expireTime: integer("expire_time").notNull(),
  },
  (table) => [index("sessions_by_user").on(table.userId), index("sessions_by_expire_time").on(table.expireTime)],
);

/** Key pairs that access tokens are signed with. */
export const signingKeys = sqliteTable("signing_keys", {
  kid: text("kid").primaryKey().notNull(),
  privateJwk: text("private_jwk").notNull(),
  createTime: integer("create_time").notNull(),
});
