-- The users whose accounts were deleted, for ever: who is in here places no more orders. event_id: the event that said so,
-- which is the cause of the cancellations. finish_time: when the last of the user's open orders had been cancelled.
CREATE TABLE deleted_users (
  user_id TEXT PRIMARY KEY NOT NULL CHECK (user_id <> ''),
  event_id TEXT NOT NULL CHECK (event_id <> ''),
  record_time INTEGER NOT NULL CHECK (record_time >= 0),
  finish_time INTEGER CHECK (finish_time >= 0)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX deleted_users_unfinished ON deleted_users (user_id) WHERE finish_time IS NULL;
--> statement-breakpoint
-- A CHECK cannot be changed: the table is made anew for one more cancel_reason. Lines and timelines refer to it by its name.
--
-- An order is open while it waits for its stock or its payment. Only then it has a payment token and a step: the event
-- whose answer it waits for.
CREATE TABLE orders_next (
  id TEXT PRIMARY KEY NOT NULL CHECK (id <> ''),
  user_id TEXT NOT NULL CHECK (user_id <> ''),
  request_id TEXT CHECK (request_id <> ''),
  request_hash TEXT CHECK (request_hash <> ''),
  state TEXT NOT NULL CHECK (state IN ('PENDING', 'AWAITING_PAYMENT', 'CONFIRMED', 'CANCELLED')),
  version INTEGER NOT NULL CHECK (version > 0),
  currency TEXT NOT NULL CHECK (currency GLOB '[A-Z][A-Z][A-Z]'),
  total_minor INTEGER NOT NULL CHECK (total_minor BETWEEN 1 AND 1000000000000),
  captured_minor INTEGER NOT NULL CHECK (captured_minor IN (0, total_minor)),
  refunded_minor INTEGER NOT NULL CHECK (refunded_minor BETWEEN 0 AND captured_minor),
  cancel_reason TEXT
    CHECK (cancel_reason IN ('REQUESTED', 'OUT_OF_STOCK', 'PAYMENT_DECLINED', 'DEADLINE_EXCEEDED', 'USER_DELETED')),
  stock_state TEXT CHECK (stock_state IN ('RESERVED', 'REJECTED', 'SOLD', 'RELEASED')),
  stock_version INTEGER NOT NULL CHECK (stock_version >= 0),
  payment_state TEXT CHECK (payment_state IN ('CAPTURED', 'DECLINED', 'VOIDED', 'REFUNDED')),
  payment_version INTEGER NOT NULL CHECK (payment_version >= 0),
  payment_token TEXT CHECK (payment_token <> ''),
  step_event_id TEXT CHECK (step_event_id <> ''),
  step_time INTEGER,
  create_time INTEGER NOT NULL,
  update_time INTEGER NOT NULL CHECK (update_time >= create_time),
  confirm_time INTEGER CHECK (confirm_time >= create_time),
  CHECK ((request_id IS NULL) = (request_hash IS NULL)),
  CHECK ((state = 'CANCELLED') = (cancel_reason IS NOT NULL)),
  CHECK ((state IN ('PENDING', 'AWAITING_PAYMENT')) = (payment_token IS NOT NULL)),
  CHECK ((state IN ('PENDING', 'AWAITING_PAYMENT')) = (step_event_id IS NOT NULL)),
  CHECK ((step_event_id IS NULL) = (step_time IS NULL)),
  CHECK (state <> 'AWAITING_PAYMENT' OR stock_state IS NOT NULL),
  CHECK (state <> 'CONFIRMED' OR (captured_minor = total_minor AND confirm_time IS NOT NULL))
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
INSERT INTO orders_next (
  id, user_id, request_id, request_hash, state, version, currency, total_minor, captured_minor,
  refunded_minor, cancel_reason, stock_state, stock_version, payment_state, payment_version, payment_token,
  step_event_id, step_time, create_time, update_time, confirm_time
)
SELECT
  id, user_id, request_id, request_hash, state, version, currency, total_minor, captured_minor,
  refunded_minor, cancel_reason, stock_state, stock_version, payment_state, payment_version, payment_token,
  step_event_id, step_time, create_time, update_time, confirm_time
FROM orders;
--> statement-breakpoint
DROP TABLE orders;
--> statement-breakpoint
ALTER TABLE orders_next RENAME TO orders;
--> statement-breakpoint
-- A user's orders, newest first: ids are UUIDs of version 7.
CREATE INDEX orders_by_user ON orders (user_id, id);
--> statement-breakpoint
CREATE INDEX orders_by_user_and_state ON orders (user_id, state, id);
--> statement-breakpoint
CREATE INDEX orders_by_state ON orders (state, id);
--> statement-breakpoint
-- For ever: what is claimed in request_claims is forgotten after a while.
CREATE UNIQUE INDEX orders_by_request ON orders (user_id, request_id) WHERE request_id IS NOT NULL;
--> statement-breakpoint
-- Open orders only, those that wait longest first.
CREATE INDEX orders_by_step ON orders (step_time) WHERE step_time IS NOT NULL;
