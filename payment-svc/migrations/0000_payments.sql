-- The money of one order, under the order's id: an order is paid at most once, for ever.
CREATE TABLE payments (
  id TEXT PRIMARY KEY NOT NULL,
  user_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('CAPTURING', 'CAPTURED', 'DECLINED', 'VOIDED')),
  currency TEXT CHECK (length(currency) = 3),
  amount_minor INTEGER CHECK (amount_minor > 0),
  payment_token TEXT,
  attempts INTEGER NOT NULL CHECK (attempts >= 0),
  next_attempt_time INTEGER NOT NULL,
  is_cancel_requested INTEGER NOT NULL CHECK (is_cancel_requested IN (0, 1)),
  decline_code TEXT NOT NULL,
  version INTEGER NOT NULL CHECK (version > 0),
  create_time INTEGER NOT NULL,
  update_time INTEGER NOT NULL,
  CHECK ((currency IS NULL) = (amount_minor IS NULL)),
  CHECK (amount_minor IS NOT NULL OR state = 'VOIDED'),
  CHECK ((payment_token IS NOT NULL) = (state = 'CAPTURING'))
) STRICT;

CREATE INDEX payments_by_user ON payments (user_id, id);
CREATE INDEX payments_capturing ON payments (next_attempt_time) WHERE state = 'CAPTURING';

CREATE TABLE refunds (
  id TEXT PRIMARY KEY NOT NULL,
  payment_id TEXT NOT NULL REFERENCES payments (id),
  amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
  state TEXT NOT NULL CHECK (state IN ('REQUESTED', 'DONE')),
  attempts INTEGER NOT NULL CHECK (attempts >= 0),
  next_attempt_time INTEGER NOT NULL
) STRICT;

CREATE INDEX refunds_by_payment ON refunds (payment_id);
CREATE INDEX refunds_requested ON refunds (next_attempt_time) WHERE state = 'REQUESTED';

-- Never more goes back than came.
CREATE TRIGGER refunds_within_amount AFTER INSERT ON refunds
WHEN (SELECT sum(amount_minor) FROM refunds WHERE payment_id = NEW.payment_id)
   > (SELECT amount_minor FROM payments WHERE id = NEW.payment_id AND state = 'CAPTURED')
  OR NOT EXISTS (SELECT 1 FROM payments WHERE id = NEW.payment_id AND state = 'CAPTURED')
BEGIN
  SELECT RAISE(ABORT, 'more would be refunded than was captured');
END;

-- The books: double entry, append-only. Each movement is booked once, with a debit and a credit of the same amount.
CREATE TABLE ledger_entries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  movement TEXT NOT NULL,
  payment_id TEXT NOT NULL REFERENCES payments (id),
  account TEXT NOT NULL CHECK (account IN ('PROVIDER_RECEIVABLE', 'SALES', 'SALES_REFUNDS')),
  currency TEXT NOT NULL CHECK (length(currency) = 3),
  debit_minor INTEGER NOT NULL CHECK (debit_minor >= 0),
  credit_minor INTEGER NOT NULL CHECK (credit_minor >= 0),
  create_time INTEGER NOT NULL,
  UNIQUE (movement, account),
  CHECK ((debit_minor > 0) <> (credit_minor > 0))
) STRICT;

CREATE INDEX ledger_entries_by_payment ON ledger_entries (payment_id);

CREATE TRIGGER ledger_entries_are_not_updated BEFORE UPDATE ON ledger_entries
BEGIN
  SELECT RAISE(ABORT, 'the ledger is append-only');
END;

CREATE TRIGGER ledger_entries_are_not_deleted BEFORE DELETE ON ledger_entries
BEGIN
  SELECT RAISE(ABORT, 'the ledger is append-only');
END;
