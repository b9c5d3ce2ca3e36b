import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { toJsonString } from "@bufbuild/protobuf";
import { type LedgerBalance, LedgerBalanceSchema } from "@quartet/proto/shop/payment/v1/payment_pb";
import { afterEach, beforeEach, describe, it } from "mocha";
import { ledgerEntries } from "../storage/schema.ts";
import { openPaymentRpc, type PaymentRpc } from "../testing/payment-rpc.ts";

describe("ListLedgerBalances", () => {
  let rpc: PaymentRpc;

  beforeEach(async () => {
    rpc = await openPaymentRpc();
  });

  afterEach(() => rpc.close());

  const list = async () => (await rpc.client.listLedgerBalances({}, rpc.root)).ledgerBalances;
  const captured = async (id: string, currency = "EUR") => {
    await rpc.open(id, { currency });
    await rpc.capture(id);
  };
  const givenBack = async (id: string) => {
    await rpc.cancel(id);
    await rpc.refunded(id, "cancel");
  };
  /** All balances, in pages of one; `between` runs after each. */
  const listInPages = async (between: (page: number) => Promise<void>) => {
    const balances: LedgerBalance[] = [];
    let pageToken = "";
    do {
      const page = await rpc.client.listLedgerBalances({ pageSize: 1, pageToken }, rpc.root);
      balances.push(...page.ledgerBalances);
      pageToken = page.nextPageToken;
      await between(balances.length);
    } while (pageToken !== "");
    return balances;
  };
  const assertBalanced = (balances: readonly LedgerBalance[]) => {
    const sums = new Map<string, bigint>();
    for (const { debit, credit } of balances) {
      const currency = debit?.currency ?? "";
      sums.set(currency, (sums.get(currency) ?? 0n) + (debit?.minorUnits ?? 0n) - (credit?.minorUnits ?? 0n));
    }
    for (const [currency, difference] of sums) assert.equal(difference, 0n, `${currency} does not balance`);
  };

  it("is empty before anything was captured", async () => {
    await rpc.open("o1");
    assert.deepEqual(await list(), []);
  });

  it("shows what the books say, by currency and account", async () => {
    await captured("o1");
    await captured("o2");
    await captured("o3", "CHF");
    await givenBack("o1");
    const balances = await list();
    assert.deepEqual(JSON.parse(toJsonString(LedgerBalanceSchema, balances[4] ?? assert.fail())), {
      name: "ledgerBalances/sales-refunds.EUR",
      account: "ACCOUNT_SALES_REFUNDS",
      debit: { currency: "EUR", minorUnits: "2598" },
      credit: { currency: "EUR" },
    });
    assert.deepEqual(
      balances.map(({ name, debit, credit }) => `${name} ${debit?.minorUnits} ${credit?.minorUnits}`),
      [
        "ledgerBalances/provider-receivable.CHF 2598 0",
        "ledgerBalances/sales.CHF 0 2598",
        "ledgerBalances/provider-receivable.EUR 5196 2598",
        "ledgerBalances/sales.EUR 0 5196",
        "ledgerBalances/sales-refunds.EUR 2598 0",
      ],
    );
  });

  it("is exact to the last minor unit above 2^53", async () => {
    await rpc.open("o1");
    for (let movement = 0; movement < 3; movement++) {
      const common = { movement: `m${movement}`, paymentId: "o1", currency: "EUR", createTime: 0 };
      const minor = Number.MAX_SAFE_INTEGER;
      rpc.database.orm
        .insert(ledgerEntries)
        .values([
          { ...common, account: "PROVIDER_RECEIVABLE", debitMinor: minor, creditMinor: 0 },
          { ...common, account: "SALES", debitMinor: 0, creditMinor: minor },
        ])
        .run();
    }
    const [receivable, sales] = await list();
    assert.equal(receivable?.debit?.minorUnits, 27_021_597_764_222_973n);
    assert.equal(sales?.credit?.minorUnits, 27_021_597_764_222_973n);
  });

  it("is of one moment on all pages, while captures and refunds go on", async () => {
    for (const id of ["o1", "o2", "o3"]) await captured(id);
    await captured("o4", "USD");
    await givenBack("o1");
    const before = await list();
    const pages = await listInPages(async (page) => {
      await captured(`later-${page}`, page % 2 === 0 ? "EUR" : "GBP");
      if (page <= 2) await givenBack(`o${page + 1}`);
    });
    assert.deepEqual(pages, before);
    const after = await list();
    assert.equal(after.length, 7);
    assertBalanced(after);
  });

  it("balances at every read while captures and refunds run", async () => {
    let isOver = false;
    const moving = (async () => {
      for (let index = 0; index < 10; index++) {
        await captured(`o${index}`);
        if (index % 2 === 0) await givenBack(`o${index}`);
      }
      isOver = true;
    })();
    let reads = 0;
    while (!isOver) {
      assertBalanced(await list());
      assertBalanced(await listInPages(async () => {}));
      reads++;
      // A call without a network leaves no room for commits by itself.
      await nextTurn();
    }
    await moving;
    assert.ok(reads > 5, `only ${reads} reads`);
  });
});
