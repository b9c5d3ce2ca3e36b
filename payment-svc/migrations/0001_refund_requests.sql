-- Refunds that an administrator asks for: why, and a hash of the request, which tells a repetition from another request
-- under the same id after the claim of the request was forgotten. Refunds of cancelled orders have no request.
ALTER TABLE refunds ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE refunds ADD COLUMN request_hash TEXT;

CREATE TRIGGER refunds_keep_their_amount BEFORE UPDATE ON refunds
WHEN NEW.payment_id <> OLD.payment_id OR NEW.amount_minor <> OLD.amount_minor
BEGIN
  SELECT RAISE(ABORT, 'a refund keeps its payment and its amount');
END;
