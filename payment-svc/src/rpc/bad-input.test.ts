import assert from "node:assert/strict";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RefundPaymentRequestSchema } from "@quartet/proto/shop/payment/v1/payment_service_pb";
import { afterEach, beforeEach, describe, it } from "mocha";
import { openPaymentRpc, type PaymentRpc, refusalOf } from "../testing/payment-rpc.ts";

const id = "11111111-1111-4111-8111-111111111111";
const name = "payments/o1";
const euros = (minorUnits: bigint) => ({ currency: "EUR", minorUnits });
const letters = (count: number) => "a".repeat(count);

/** Who calls: nobody when undefined. */
type Who = "ada" | "eve" | "root" | undefined;
type Call = (rpc: PaymentRpc) => Promise<unknown>;

const get =
  (as: Who, wanted = name): Call =>
  (rpc) =>
    rpc.client.getPayment({ name: wanted }, as && rpc[as]);
const list =
  (as: Who, request: { pageSize?: number; pageToken?: string } = {}): Call =>
  (rpc) =>
    rpc.client.listPayments(request, as && rpc[as]);
const refund =
  (as: Who, request: MessageInitShape<typeof RefundPaymentRequestSchema> = {}): Call =>
  (rpc) =>
    rpc.client.refundPayment({ name, requestId: id, ...request }, as && rpc[as]);
const refundUnderKey =
  (key: string): Call =>
  (rpc) =>
    rpc.client.refundPayment({ name }, { headers: { ...rpc.root.headers, "idempotency-key": key } });
const balances =
  (as: Who, request: { pageSize?: number; pageToken?: string } = {}): Call =>
  (rpc) =>
    rpc.client.listLedgerBalances(request, as && rpc[as]);

/** Calls with the token of the second page of ada's payments, or of the ledger. */
const withTokenOf =
  (kind: "payments" | "ledger", call: (pageToken: string) => Call): Call =>
  async (rpc) => {
    const first = { pageSize: 1 };
    const { nextPageToken } = await (kind === "payments"
      ? rpc.client.listPayments(first, rpc.ada)
      : rpc.client.listLedgerBalances(first, rpc.root));
    assert.notEqual(nextPageToken, "");
    return call(nextPageToken)(rpc);
  };

/** Changes the cursor in a token. */
function tamper(token: string): string {
  const bytes = Buffer.from(token, "base64url");
  bytes[bytes.length - 2] = (bytes[bytes.length - 2] ?? 0) ^ 1;
  return bytes.toString("base64url");
}

/** Names that no payment can have. */
const badNames = ["", "o1", "orders/o1", "payments/", "payments/o1/refunds", "payments/ö1", "payments/o 1"];

type Case = readonly [what: string, call: Call, code: string, reason: string, ...fields: string[]];
const invalid = "InvalidArgument";
const badField = [invalid, "INVALID_FIELDS"] as const;
const badToken = [invalid, "INVALID_PAGE_TOKEN", "page_token"] as const;
const noToken = ["Unauthenticated", "MISSING_TOKEN"] as const;
const noAdmin = ["PermissionDenied", "ADMIN_REQUIRED"] as const;
const unmet = "FailedPrecondition";

const cases: Record<string, readonly Case[]> = {
  GetPayment: [
    ...badNames.map((bad): Case => [`the name "${bad}"`, get("ada", bad), ...badField, "name"]),
    ["a name beyond all bounds", get("ada", `payments/${letters(65)}`), ...badField, "name"],
    ["no token", get(undefined), ...noToken],
    ["a payment that is missing", get("ada", "payments/none"), "NotFound", "PAYMENT_NOT_FOUND"],
    ["the payment of someone else", get("eve"), "NotFound", "PAYMENT_NOT_FOUND"],
  ],
  ListPayments: [
    ["no token", list(undefined), ...noToken],
    ["a page of less than nothing", list("ada", { pageSize: -1 }), ...badField, "page_size"],
    ["a page beyond all bounds", list("ada", { pageSize: 1001 }), ...badField, "page_size"],
    ["a page token beyond all bounds", list("ada", { pageToken: letters(1001) }), ...badField, "page_token"],
    ["a page token that is none", list("ada", { pageToken: "next" }), ...badToken],
    [
      "a page token that was changed",
      withTokenOf("payments", (token) => list("ada", { pageToken: tamper(token) })),
      ...badToken,
    ],
    ["the page token of someone else", withTokenOf("payments", (pageToken) => list("eve", { pageToken })), ...badToken],
    ["the page token of another list", withTokenOf("ledger", (pageToken) => list("ada", { pageToken })), ...badToken],
  ],
  RefundPayment: [
    ...badNames.map((bad): Case => [`the name "${bad}"`, refund("root", { name: bad }), ...badField, "name"]),
    ["a name beyond all bounds", refund("root", { name: `payments/${letters(65)}` }), ...badField, "name"],
    ["no token", refund(undefined), ...noToken],
    ["its owner's token", refund("ada"), ...noAdmin],
    ["a stranger's token", refund("eve"), ...noAdmin],
    ["a stranger's token for a payment that is missing", refund("eve", { name: "payments/none" }), ...noAdmin],
    ["a payment that is missing", refund("root", { name: "payments/none" }), "NotFound", "PAYMENT_NOT_FOUND"],
    ["no request id", refund("root", { requestId: "" }), invalid, "REQUEST_ID_REQUIRED", "request_id"],
    ["an empty idempotency key", refundUnderKey(" "), invalid, "REQUEST_ID_REQUIRED", "request_id"],
    ["a key beyond all bounds", refundUnderKey(letters(256)), invalid, "INVALID_REQUEST_ID", "idempotency-key"],
    ["a request id that is no UUID", refund("root", { requestId: "1" }), ...badField, "request_id"],
    ["an amount of nothing", refund("root", { amount: euros(0n) }), ...badField, "amount"],
    ["an amount that says nothing", refund("root", { amount: {} }), ...badField, "amount", "amount.currency"],
    ["less than nothing", refund("root", { amount: euros(-1n) }), ...badField, "amount", "amount.minor_units"],
    ["an amount beyond all bounds", refund("root", { amount: euros(10n ** 13n) }), ...badField, "amount.minor_units"],
    [
      "a currency that is none",
      refund("root", { amount: { currency: "eur", minorUnits: 1n } }),
      ...badField,
      "amount.currency",
    ],
    [
      "another currency",
      refund("root", { amount: { currency: "USD", minorUnits: 1n } }),
      invalid,
      "CURRENCY_MISMATCH",
      "amount.currency",
    ],
    ["more than was captured", refund("root", { amount: euros(2599n) }), unmet, "REFUND_TOO_LARGE"],
    ["a reason beyond all bounds", refund("root", { reason: letters(201) }), ...badField, "reason"],
    ["a payment that is being captured", refund("root", { name: "payments/o2" }), unmet, "PAYMENT_NOT_CAPTURED"],
    ["a payment that was voided", refund("root", { name: "payments/o3" }), unmet, "PAYMENT_NOT_CAPTURED"],
  ],
  ListLedgerBalances: [
    ["no token", balances(undefined), ...noToken],
    ["a customer's token", balances("ada"), ...noAdmin],
    ["a page of less than nothing", balances("root", { pageSize: -1 }), ...badField, "page_size"],
    ["a page beyond all bounds", balances("root", { pageSize: 1001 }), ...badField, "page_size"],
    ["a page token beyond all bounds", balances("root", { pageToken: letters(1001) }), ...badField, "page_token"],
    ["a page token that is none", balances("root", { pageToken: "next" }), ...badToken],
    [
      "a page token that was changed",
      withTokenOf("ledger", (token) => balances("root", { pageToken: tamper(token) })),
      ...badToken,
    ],
    [
      "the page token of another list",
      withTokenOf("payments", (pageToken) => balances("root", { pageToken })),
      ...badToken,
    ],
  ],
};

describe("PaymentService, asked for what it cannot do", () => {
  let rpc: PaymentRpc;

  beforeEach(async () => {
    rpc = await openPaymentRpc();
    await rpc.open("o1");
    await rpc.capture("o1");
    await rpc.open("o2");
    await rpc.cancel("o3");
  });

  afterEach(() => rpc.close());

  const everything = () =>
    ["payments", "refunds", "ledger_entries", "ledger_balances", "outbox", "request_claims"].map((table) =>
      rpc.database.sqlite.prepare(`SELECT * FROM ${table}`).all(),
    );

  for (const [method, table] of Object.entries(cases)) {
    for (const [what, call, code, reason, ...fields] of table) {
      it(`refuses ${method} with ${what}, and nothing is changed`, async () => {
        const before = everything();
        const told = await refusalOf(call(rpc));
        assert.deepEqual([told.code, told.reason], [code, reason], told.message);
        assert.deepEqual([...new Set(told.fields)], fields);
        if (fields[0] !== undefined) assert.ok(told.message.startsWith(fields[0]), told.message);
        assert.deepEqual(everything(), before);
        assert.equal(rpc.nudges(), 0);
      });
    }
  }
});
