import { create } from "@bufbuild/protobuf";
import { toName } from "@quartet/chassis/resource-name";
import { MoneySchema } from "@quartet/proto/shop/money/v1/money_pb";
import {
  LedgerBalance_Account,
  type LedgerBalance as LedgerBalanceMessage,
  LedgerBalanceSchema,
} from "@quartet/proto/shop/payment/v1/payment_pb";
import type { LedgerBalance } from "../app/ports.ts";
import type { Account } from "../domain/payment.ts";

const accounts: Readonly<Record<Account, LedgerBalance_Account>> = {
  PROVIDER_RECEIVABLE: LedgerBalance_Account.PROVIDER_RECEIVABLE,
  SALES: LedgerBalance_Account.SALES,
  SALES_REFUNDS: LedgerBalance_Account.SALES_REFUNDS,
};

/** Returns the message of a balance. */
export function toLedgerBalanceMessage(balance: LedgerBalance): LedgerBalanceMessage {
  const { account, currency, debitMinor, creditMinor } = balance;
  const id = `${account.toLowerCase().replaceAll("_", "-")}.${currency}`;
  return create(LedgerBalanceSchema, {
    name: toName("ledgerBalances", id),
    account: accounts[account],
    debit: create(MoneySchema, { currency, minorUnits: debitMinor }),
    credit: create(MoneySchema, { currency, minorUnits: creditMinor }),
  });
}
