-- A refund comes to what the provider has returned under its key, which may be more than was asked for after a restore.
DROP TRIGGER refunds_keep_their_amount;

CREATE TRIGGER refunds_keep_their_amount BEFORE UPDATE ON refunds
WHEN NEW.payment_id <> OLD.payment_id OR (NEW.amount_minor <> OLD.amount_minor AND OLD.state = 'DONE')
BEGIN
  SELECT RAISE(ABORT, 'a refund keeps its payment, and once it is done its amount');
END;
