-- What is known about the products, to price orders while product-svc is away. confirm_time: when the row was last known
-- to be true.
CREATE TABLE products (
  id TEXT PRIMARY KEY NOT NULL CHECK (id <> ''),
  version INTEGER NOT NULL CHECK (version > 0),
  display_name TEXT NOT NULL,
  currency TEXT NOT NULL CHECK (currency GLOB '[A-Z][A-Z][A-Z]'),
  price_minor INTEGER NOT NULL CHECK (price_minor > 0),
  archived INTEGER NOT NULL CHECK (archived IN (0, 1)),
  confirm_time INTEGER NOT NULL CHECK (confirm_time >= 0)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
-- An order is open while it waits for its stock or its payment. Only then it has a payment token and a step: the event
-- whose answer it waits for.
CREATE TABLE orders (
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
    CHECK (cancel_reason IN ('REQUESTED', 'OUT_OF_STOCK', 'PAYMENT_DECLINED', 'DEADLINE_EXCEEDED')),
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
-- A user's orders, newest first: ids are UUIDs of version 7.
CREATE INDEX orders_by_user ON orders (user_id, id);
--> statement-breakpoint
-- For ever: what is claimed in request_claims is forgotten after a while.
CREATE UNIQUE INDEX orders_by_request ON orders (user_id, request_id) WHERE request_id IS NOT NULL;
--> statement-breakpoint
-- Open orders only, those that wait longest first.
CREATE INDEX orders_by_step ON orders (step_time) WHERE step_time IS NOT NULL;
--> statement-breakpoint
CREATE TABLE order_lines (
  order_id TEXT NOT NULL REFERENCES orders (id),
  position INTEGER NOT NULL CHECK (position BETWEEN 0 AND 99),
  product_id TEXT NOT NULL CHECK (product_id <> ''),
  product_version INTEGER NOT NULL CHECK (product_version > 0),
  display_name TEXT NOT NULL,
  quantity INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 1000),
  unit_price_minor INTEGER NOT NULL CHECK (unit_price_minor > 0),
  PRIMARY KEY (order_id, position),
  UNIQUE (order_id, product_id)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
-- The timeline: one entry for each version of an order. An event is recorded once, also when the inbox has forgotten it.
CREATE TABLE order_events (
  order_id TEXT NOT NULL REFERENCES orders (id),
  sequence INTEGER NOT NULL CHECK (sequence > 0),
  state TEXT NOT NULL CHECK (state IN ('PENDING', 'AWAITING_PAYMENT', 'CONFIRMED', 'CANCELLED')),
  cause TEXT NOT NULL CHECK (cause <> ''),
  event_id TEXT NOT NULL CHECK (event_id <> ''),
  record_time INTEGER NOT NULL,
  trace_id TEXT NOT NULL CHECK (length(trace_id) = 32),
  PRIMARY KEY (order_id, sequence),
  UNIQUE (order_id, event_id)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TRIGGER order_events_without_gap BEFORE INSERT ON order_events
WHEN NEW.sequence <> (SELECT coalesce(max(sequence), 0) + 1 FROM order_events WHERE order_id = NEW.order_id)
BEGIN
  SELECT raise(ABORT, 'the timeline of an order has no gap');
END;
--> statement-breakpoint
CREATE TRIGGER order_events_as_they_were BEFORE UPDATE ON order_events
BEGIN
  SELECT raise(ABORT, 'the timeline of an order does not change');
END;
