CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id TEXT NOT NULL UNIQUE CHECK (event_id <> ''),
  type TEXT NOT NULL CHECK (type <> ''),
  aggregate TEXT NOT NULL CHECK (aggregate <> ''),
  version INTEGER NOT NULL CHECK (version >= 0),
  payload BLOB NOT NULL,
  traceparent TEXT,
  tracestate TEXT,
  create_time INTEGER NOT NULL CHECK (create_time >= 0),
  sent_time INTEGER CHECK (sent_time >= 0)
) STRICT;
--> statement-breakpoint
CREATE INDEX outbox_unsent ON outbox (seq, aggregate) WHERE sent_time IS NULL;
--> statement-breakpoint
CREATE INDEX outbox_sent ON outbox (sent_time) WHERE sent_time IS NOT NULL;
--> statement-breakpoint
-- started: the broker still holds the message. waiting: only this row does, until next_attempt_time. parked: until
-- somebody replays it. done: its effect is committed; the row is kept to know repetitions.
CREATE TABLE inbox (
  message_id TEXT NOT NULL PRIMARY KEY CHECK (message_id <> ''),
  type TEXT NOT NULL,
  aggregate TEXT NOT NULL,
  version INTEGER NOT NULL,
  payload BLOB,
  message_time INTEGER NOT NULL,
  traceparent TEXT,
  tracestate TEXT,
  state TEXT NOT NULL CHECK (state IN ('started', 'waiting', 'parked', 'done')),
  starts INTEGER NOT NULL CHECK (starts >= 0),
  attempts INTEGER NOT NULL CHECK (attempts >= 0),
  last_error TEXT,
  next_attempt_time INTEGER,
  receive_time INTEGER NOT NULL,
  finish_time INTEGER,
  CHECK ((state = 'done') = (payload IS NULL)),
  CHECK ((state = 'waiting') = (next_attempt_time IS NOT NULL)),
  CHECK ((state IN ('done', 'parked')) = (finish_time IS NOT NULL))
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX inbox_waiting ON inbox (next_attempt_time) WHERE state = 'waiting';
--> statement-breakpoint
CREATE INDEX inbox_parked ON inbox (finish_time) WHERE state = 'parked';
--> statement-breakpoint
CREATE INDEX inbox_done ON inbox (finish_time) WHERE state = 'done';
--> statement-breakpoint
CREATE TABLE request_claims (
  caller TEXT NOT NULL CHECK (caller <> ''),
  method TEXT NOT NULL CHECK (method <> ''),
  request_id TEXT NOT NULL CHECK (request_id <> ''),
  hash TEXT NOT NULL CHECK (hash <> ''),
  resource TEXT NOT NULL,
  create_time INTEGER NOT NULL CHECK (create_time >= 0),
  PRIMARY KEY (caller, method, request_id)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX request_claims_create_time ON request_claims (create_time);
--> statement-breakpoint
CREATE TABLE secrets (
  name TEXT NOT NULL PRIMARY KEY,
  value BLOB NOT NULL CHECK (length(value) >= 32)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
INSERT INTO secrets (name, value) VALUES ('page_token', randomblob(32));
