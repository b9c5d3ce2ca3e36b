-- What each account comes to in each currency. The ledger keeps it itself, so that reading it is not to read all of the
-- ledger.
CREATE TABLE ledger_balances (
  currency TEXT NOT NULL,
  account TEXT NOT NULL,
  debit_minor INTEGER NOT NULL,
  credit_minor INTEGER NOT NULL,
  PRIMARY KEY (currency, account)
) STRICT;

INSERT INTO ledger_balances (currency, account, debit_minor, credit_minor)
SELECT currency, account, sum(debit_minor), sum(credit_minor) FROM ledger_entries GROUP BY currency, account;

CREATE TRIGGER ledger_entries_are_summed AFTER INSERT ON ledger_entries
BEGIN
  INSERT INTO ledger_balances (currency, account, debit_minor, credit_minor)
  VALUES (NEW.currency, NEW.account, NEW.debit_minor, NEW.credit_minor)
  ON CONFLICT (currency, account) DO UPDATE SET
    debit_minor = debit_minor + excluded.debit_minor,
    credit_minor = credit_minor + excluded.credit_minor;
END;
