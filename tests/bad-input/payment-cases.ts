import { randomUUID } from "node:crypto";
import type { JsonObject } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { PaymentService } from "@quartet/proto/shop/payment/v1/payment_service_pb";
import {
  adminRequired,
  type BadCall,
  badCalls,
  invalidField,
  invalidPageToken,
  notFound,
  tampered,
} from "./bad-call.ts";
import type { StockedShop } from "./stocked-shop.ts";

const { getPayment, listPayments, refundPayment, listLedgerBalances } = PaymentService.method;

const paymentNotFound = notFound("PAYMENT_NOT_FOUND");
const missing = `payments/${randomUUID()}`;

const refunding = badCalls(refundPayment, "admin");
const refund =
  (minorUnits: string, currency = "EUR") =>
  (shop: StockedShop): JsonObject => ({
    name: shop.payment,
    amount: { currency, minorUnits },
    requestId: randomUUID(),
  });
const refunds: readonly BadCall[] = [
  refunding("no request id", invalidField("request_id", "REQUEST_ID_REQUIRED"), (shop) => ({ name: shop.payment })),
  refunding("a refund of nothing", invalidField("amount"), refund("0")),
  refunding("a refund below nothing", invalidField("amount"), refund("-1")),
  refunding("a refund beyond all money", invalidField("amount.minor_units"), refund("9223372036854775807")),
  refunding("a refund in another currency", invalidField("amount.currency", "CURRENCY_MISMATCH"), refund("1", "USD")),
  refunding(
    "a refund of more than was captured",
    { code: Code.FailedPrecondition, reason: "REFUND_TOO_LARGE" },
    refund("1300"),
  ),
  refunding(
    "a refund of what was declined",
    { code: Code.FailedPrecondition, reason: "PAYMENT_NOT_CAPTURED" },
    (shop) => ({ name: shop.declinedPayment, requestId: randomUUID() }),
  ),
  refunding("a reason that is too long", invalidField("reason"), (shop) => ({
    name: shop.payment,
    requestId: randomUUID(),
    reason: "x".repeat(201),
  })),
  refunding("a payment there is not", paymentNotFound, () => ({ name: missing, requestId: randomUUID() })),
  badCalls(refundPayment, "customer")("a customer", adminRequired, refund("1")),
];

const reads: readonly BadCall[] = [
  badCalls(getPayment, "customer")("a payment there is not", paymentNotFound, () => ({ name: missing })),
  badCalls(getPayment, "stranger")("the payment of someone else", paymentNotFound, (shop) => ({ name: shop.payment })),
  badCalls(listPayments, "customer")("a negative page size", invalidField("page_size"), () => ({ pageSize: -1 })),
  badCalls(listPayments, "customer")("a page token that was changed", invalidPageToken, (shop) => ({
    pageToken: tampered(shop.pageTokens.payments),
  })),
  badCalls(listLedgerBalances, "customer")("a customer", adminRequired, () => ({})),
  badCalls(listLedgerBalances, "admin")("a page token of another list", invalidPageToken, (shop) => ({
    pageToken: shop.pageTokens.payments,
  })),
];

export const paymentCases: readonly BadCall[] = [...refunds, ...reads];
