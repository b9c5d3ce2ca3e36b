import type { RowRule } from "./row-rule.ts";

const source = "payment-svc";

/** I4: the ledger by itself, and against the payments in the same file. */
export const ledgerRules: readonly RowRule[] = [
  {
    invariant: "I4",
    source,
    name: "debits and credits of each movement are equal",
    sql: `
      SELECT 'payments/' || min(payment_id) AS about,
        movement || ' has debits of ' || sum(debit_minor) || ' and credits of ' || sum(credit_minor) || ' ' || currency
          AS what
      FROM ledger_entries GROUP BY movement, currency HAVING sum(debit_minor) <> sum(credit_minor)`,
  },
  {
    invariant: "I4",
    source,
    name: "debits and credits of each currency are equal",
    sql: `
      SELECT 'ledger/' || currency AS about,
        'debits of ' || sum(debit_minor) || ' and credits of ' || sum(credit_minor) AS what
      FROM ledger_entries GROUP BY currency HAVING sum(debit_minor) <> sum(credit_minor)`,
  },
  {
    invariant: "I4",
    source,
    name: "balances are the sums of the entries",
    sql: `
      WITH sums AS (
        SELECT currency, account, sum(debit_minor) AS debit, sum(credit_minor) AS credit
        FROM ledger_entries GROUP BY currency, account
      )
      SELECT 'ledger/' || coalesce(s.currency, b.currency) AS about,
        coalesce(s.account, b.account) || ' has ' || coalesce(s.debit, 0) || ' and ' || coalesce(s.credit, 0)
          || ', its balance says ' || coalesce(b.debit_minor, 0) || ' and ' || coalesce(b.credit_minor, 0) AS what
      FROM sums s FULL JOIN ledger_balances b ON s.currency = b.currency AND s.account = b.account
      WHERE coalesce(s.debit, 0) <> coalesce(b.debit_minor, 0) OR coalesce(s.credit, 0) <> coalesce(b.credit_minor, 0)`,
  },
  {
    invariant: "I4",
    source,
    name: "what was captured and refunded is booked, and nothing else",
    sql: `
      WITH moved AS (
        SELECT 'capture/' || id AS movement, id AS payment_id, currency, amount_minor AS amount
        FROM payments WHERE state = 'CAPTURED'
        UNION ALL
        SELECT 'refund/' || r.id, r.payment_id, p.currency, r.amount_minor
        FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE r.state = 'DONE'
      ),
      booked AS (
        SELECT movement, min(payment_id) AS payment_id, min(currency) AS currency,
          sum(iif(account = 'PROVIDER_RECEIVABLE', debit_minor + credit_minor, 0)) AS amount
        FROM ledger_entries GROUP BY movement
      ),
      -- Both sides in one row by grouping: to join them fully, SQLite would compare each with each.
      pairs AS (
        SELECT movement, max(moved_by) AS moved_by, max(moved) AS moved, max(booked_by) AS booked_by, max(booked) AS booked
        FROM (
          SELECT movement, payment_id AS moved_by, amount || ' ' || currency AS moved, NULL AS booked_by, NULL AS booked
          FROM moved
          UNION ALL SELECT movement, NULL, NULL, payment_id, amount || ' ' || currency FROM booked
        ) GROUP BY movement
      )
      SELECT 'payments/' || coalesce(moved_by, booked_by) AS about,
        movement || ' moved ' || coalesce(moved, 'nothing') || ' and is booked with ' || coalesce(booked, 'nothing') AS what
      FROM pairs WHERE moved IS NOT booked OR moved_by IS NOT booked_by`,
  },
  {
    invariant: "I2",
    source,
    name: "no more is refunded than was captured",
    // More may be asked for, where the provider returned something without us: it refuses that.
    sql: `
      SELECT 'payments/' || p.id AS about,
        'refunds of ' || sum(r.amount_minor) || ' of a ' || p.state || ' payment of ' || coalesce(p.amount_minor, 0) AS what
      FROM payments p JOIN refunds r ON r.payment_id = p.id
      GROUP BY p.id HAVING p.state <> 'CAPTURED' OR sum(r.amount_minor) FILTER (WHERE r.state = 'DONE') > p.amount_minor`,
  },
  {
    invariant: "I2",
    source,
    name: "what was captured for a cancelled order goes back",
    sql: `
      SELECT 'payments/' || p.id AS about,
        p.amount_minor || ' were captured for an order that was cancelled, ' || coalesce(sum(r.amount_minor), 0)
          || ' go back' AS what
      FROM payments p LEFT JOIN refunds r ON r.payment_id = p.id
      WHERE p.state = 'CAPTURED' AND p.is_cancel_requested = 1
      GROUP BY p.id HAVING coalesce(sum(r.amount_minor), 0) < p.amount_minor`,
  },
  {
    invariant: "I5",
    source: "test-provider",
    name: "the provider returned no more than it captured",
    sql: `
      SELECT r.capture_key AS about, 'refunds of ' || sum(r.amount_minor) || ', captured ' || coalesce(c.amount_minor, 0)
        AS what
      FROM operations r LEFT JOIN operations c ON c.key = r.capture_key AND c.status = 'CAPTURED'
      WHERE r.kind = 'refund'
      GROUP BY r.capture_key HAVING sum(r.amount_minor) > coalesce(c.amount_minor, 0)`,
  },
];
