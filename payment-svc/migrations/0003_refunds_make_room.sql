-- A refund that the provider refuses, because money went back without us, asks for less, or goes. What is done stays.
DROP TRIGGER refunds_keep_their_amount;

CREATE TRIGGER refunds_keep_their_amount BEFORE UPDATE ON refunds
WHEN NEW.payment_id <> OLD.payment_id OR NEW.amount_minor > OLD.amount_minor
  OR (NEW.amount_minor <> OLD.amount_minor AND OLD.state = 'DONE')
BEGIN
  SELECT RAISE(ABORT, 'a refund keeps its payment and its amount');
END;

CREATE TRIGGER refunds_that_are_done_stay BEFORE DELETE ON refunds WHEN OLD.state = 'DONE'
BEGIN
  SELECT RAISE(ABORT, 'a refund that is done stays');
END;
