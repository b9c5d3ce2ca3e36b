import { index, integer, primaryKey, sql, sqliteTable, text } from "@quartet/chassis/storage/drizzle";

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
  sessionEpoch: integer("session_epoch").notNull().default(1),
});

/** What is left of accounts that were deleted. */
export const deletedUsers = sqliteTable(
  "deleted_users",
  {
    id: text("id").primaryKey().notNull(),
    version: integer("version").notNull(),
    deleteTime: integer("delete_time").notNull(),
    vacuumTime: integer("vacuum_time"),
  },
  (table) => [index("deleted_users_before_vacuum").on(table.deleteTime).where(sql`vacuum_time IS NULL`)],
);

/** Logins. Those of a user's current epoch that have not expired can be renewed. */
export const sessions = sqliteTable(
  "sessions",
  {
    id: text("id").primaryKey().notNull(),
    userId: text("user_id").notNull(),
    epoch: integer("epoch").notNull(),
    version: integer("version").notNull(),
    refreshTokenHash: text("refresh_token_hash").notNull(),
    createTime: integer("create_time").notNull(),
    refreshTime: integer("refresh_time").notNull(),
    expireTime: integer("expire_time").notNull(),
  },
  (table) => [
    index("sessions_by_user").on(table.userId, table.epoch, table.id),
    index("sessions_by_expire_time").on(table.expireTime),
  ],
);

/** Epochs that are over and may still have sessions, which are to be told of and removed. */
export const endedEpochs = sqliteTable(
  "ended_epochs",
  {
    userId: text("user_id").notNull(),
    epoch: integer("epoch").notNull(),
    reason: text("reason", { enum: ["PASSWORD_CHANGED", "USER_DELETED"] }).notNull(),
    endTime: integer("end_time").notNull(),
  },
  (table) => [primaryKey({ columns: [table.userId, table.epoch] })],
);

/** Key pairs that access tokens are signed with. */
export const signingKeys = sqliteTable("signing_keys", {
  kid: text("kid").primaryKey().notNull(),
  privateJwk: text("private_jwk").notNull(),
  createTime: integer("create_time").notNull(),
});
