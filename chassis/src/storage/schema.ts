import { blob, index, integer, primaryKey, sql, sqliteTable, text } from "./drizzle.ts";

/**
 * Events to publish, in the order in which they were committed; `sent_time` is null until the broker has confirmed, and
 * `sent_again` says how often it was made null again.
 */
export const outbox = sqliteTable(
  "outbox",
  {
    seq: integer("seq").primaryKey({ autoIncrement: true }),
    eventId: text("event_id").notNull().unique(),
    type: text("type").notNull(),
    aggregate: text("aggregate").notNull(),
    version: integer("version").notNull(),
    payload: blob("payload", { mode: "buffer" }).notNull(),
    traceparent: text("traceparent"),
    tracestate: text("tracestate"),
    createTime: integer("create_time").notNull(),
    sentTime: integer("sent_time"),
    sentAgain: integer("sent_again").notNull().default(0),
  },
  (table) => [
    index("outbox_unsent").on(table.seq, table.aggregate).where(sql`sent_time IS NULL`),
    index("outbox_sent").on(table.sentTime).where(sql`sent_time IS NOT NULL`),
  ],
);

/** Messages received: what was done is remembered, what failed waits or is parked. */
export const inbox = sqliteTable(
  "inbox",
  {
    messageId: text("message_id").notNull().primaryKey(),
    type: text("type").notNull(),
    aggregate: text("aggregate").notNull(),
    version: integer("version").notNull(),
    payload: blob("payload", { mode: "buffer" }),
    messageTime: integer("message_time").notNull(),
    traceparent: text("traceparent"),
    tracestate: text("tracestate"),
    state: text("state", { enum: ["started", "waiting", "parked", "done"] }).notNull(),
    starts: integer("starts").notNull(),
    attempts: integer("attempts").notNull(),
    lastError: text("last_error"),
    nextAttemptTime: integer("next_attempt_time"),
    receiveTime: integer("receive_time").notNull(),
    finishTime: integer("finish_time"),
  },
  (table) => [
    index("inbox_started").on(table.receiveTime).where(sql`state = 'started'`),
    index("inbox_waiting").on(table.nextAttemptTime).where(sql`state = 'waiting'`),
    index("inbox_parked").on(table.finishTime).where(sql`state = 'parked'`),
    index("inbox_done").on(table.finishTime).where(sql`state = 'done'`),
  ],
);

/** Requests that were carried out, so that a repeated one returns the same resource. */
export const requestClaims = sqliteTable(
  "request_claims",
  {
    caller: text("caller").notNull(),
    method: text("method").notNull(),
    requestId: text("request_id").notNull(),
    hash: text("hash").notNull(),
    resource: text("resource").notNull(),
    createTime: integer("create_time").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.caller, table.method, table.requestId] }),
    index("request_claims_create_time").on(table.createTime),
  ],
);

/** When the database was put back from a backup. */
export const restores = sqliteTable("restores", { time: integer("time").primaryKey().notNull() });

/** Random keys that belong to this database, made by the migration and never shown. */
export const secrets = sqliteTable("secrets", {
  name: text("name").notNull().primaryKey(),
  value: blob("value", { mode: "buffer" }).notNull(),
});
