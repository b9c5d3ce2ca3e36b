import type { Database } from "@quartet/chassis/storage/database";
import type { LedgerBalance, LedgerQueries } from "../app/ports.ts";

/**
 * One statement, so one moment. What was booked after the moment that is asked for is taken off again: the ledger is
 * append-only and its entries are numbered in the order of their commits.
 */
const balancesAsOf = `
  WITH moment AS (SELECT coalesce(:asOfEntry, (SELECT max(seq) FROM ledger_entries)) AS seq),
  later AS (
    SELECT currency, account, sum(debit_minor) AS debit_minor, sum(credit_minor) AS credit_minor
    FROM ledger_entries WHERE seq > (SELECT seq FROM moment) GROUP BY currency, account
  ),
  balances AS (
    SELECT currency, account,
      now.debit_minor - coalesce(later.debit_minor, 0) AS debitMinor,
      now.credit_minor - coalesce(later.credit_minor, 0) AS creditMinor
    FROM ledger_balances AS now LEFT JOIN later USING (currency, account)
    WHERE (currency, account) > (:currency, :account)
  )
  SELECT *, (SELECT seq FROM moment) AS asOfEntry FROM balances
  WHERE debitMinor > 0 OR creditMinor > 0
  ORDER BY currency, account LIMIT :limit`;

interface BalanceRow extends Omit<LedgerBalance, "asOfEntry"> {
  readonly asOfEntry: bigint;
}

const start = { currency: "", account: "", asOfEntry: null };

/** Creates the reads of the ledger on SQLite. */
export function createLedgerQueries(options: { database: Database }): LedgerQueries {
  // Integers come as bigint: a sum may be larger than what a number holds exactly.
  const balances = options.database.sqlite.prepare<[object], BalanceRow>(balancesAsOf).safeIntegers();
  return {
    balances: async ({ after = start, limit }) =>
      balances.all({ ...after, limit }).map((row) => ({ ...row, asOfEntry: Number(row.asOfEntry) })),
  };
}
