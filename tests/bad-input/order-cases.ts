import { randomUUID } from "node:crypto";
import type { JsonObject } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { OrderService } from "@quartet/proto/shop/order/v1/order_service_pb";
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

const { createOrder, getOrder, listOrders, cancelOrder, listOrderEvents, watchOrder } = OrderService.method;

const orderNotFound = notFound("ORDER_NOT_FOUND");
const noRoute = notFound("ROUTE_NOT_FOUND");

const line = (product: string, quantity: number): JsonObject => ({ product, quantity });
const order = (lines: JsonObject[], more: JsonObject = {}): JsonObject => ({
  lines,
  paymentToken: "tok_visa",
  ...more,
});
const cups = (quantity: number) => (shop: StockedShop) => order([line(shop.cup, quantity)]);
const withCup = (more: JsonObject) => (shop: StockedShop) => order([line(shop.cup, 1)], more);

const creating = badCalls(createOrder, "customer");
const creates: readonly BadCall[] = [
  creating("an order of nothing", invalidField("lines"), () => order([])),
  creating("no pieces", invalidField("lines[0].quantity"), cups(0)),
  creating("fewer than no pieces", invalidField("lines[0].quantity"), cups(-1)),
  creating("more pieces than a line may have", invalidField("lines[0].quantity"), cups(1_001)),
  creating("the most an int32 can say", invalidField("lines[0].quantity"), cups(2_147_483_647)),
  creating("a line too many", invalidField("lines"), ({ cup }) => order(Array(101).fill(line(cup, 1)))),
  creating("a thousand lines", invalidField("lines"), ({ cup }) => order(Array(1_000).fill(line(cup, 1)))),
  creating("a product twice", invalidField("lines[1].product", "DUPLICATE_PRODUCT"), ({ cup }) =>
    order([line(cup, 1), line(cup, 2)]),
  ),
  creating("a product there is not", invalidField("lines[1].product", "UNKNOWN_PRODUCT"), ({ cup }) =>
    order([line(cup, 1), line(`products/${randomUUID()}`, 1)]),
  ),
  creating("a product that is no name", invalidField("lines[0].product"), () => order([line("cup", 1)])),
  creating("an order of something else", invalidField("lines[0].product"), () => order([line("orders/1", 1)])),
  creating(
    "an archived product",
    { code: Code.FailedPrecondition, reason: "PRODUCT_ARCHIVED", field: "lines[0].product" },
    ({ archivedCup }) => order([line(archivedCup, 1)]),
  ),
  creating("two currencies", invalidField("lines", "MIXED_CURRENCIES"), ({ cup, dollarCup }) =>
    order([line(cup, 1), line(dollarCup, 1)]),
  ),
  creating("more money than an order may cost", invalidField("lines", "TOTAL_TOO_LARGE"), ({ dear }) =>
    order(dear.map((product) => line(product, 1_000))),
  ),
  creating(
    "a total other than the expected one",
    { code: Code.FailedPrecondition, reason: "TOTAL_MISMATCH", field: "expected_total" },
    withCup({ expectedTotal: { currency: "EUR", minorUnits: "1298" } }),
  ),
  creating(
    "the expected total in another currency",
    { code: Code.FailedPrecondition, reason: "TOTAL_MISMATCH", field: "expected_total" },
    withCup({ expectedTotal: { currency: "USD", minorUnits: "1299" } }),
  ),
  creating(
    "an expected total below nothing",
    invalidField("expected_total.minor_units"),
    withCup({ expectedTotal: { currency: "EUR", minorUnits: "-1" } }),
  ),
  creating(
    "an expected total beyond all money",
    invalidField("expected_total.minor_units"),
    withCup({ expectedTotal: { currency: "EUR", minorUnits: "9223372036854775807" } }),
  ),
  creating(
    "a currency that is none",
    invalidField("expected_total.currency"),
    withCup({ expectedTotal: { currency: "euro", minorUnits: "1299" } }),
  ),
  creating("no means of payment", invalidField("payment_token"), withCup({ paymentToken: "" })),
  creating(
    "a payment token that is too long",
    invalidField("payment_token"),
    withCup({ paymentToken: "t".repeat(101) }),
  ),
  creating(
    "a card number for a payment token",
    invalidField("payment_token"),
    withCup({ paymentToken: "4111111111111111" }),
  ),
  creating(
    "a card number within a payment token",
    invalidField("payment_token", "CARD_NUMBER_REFUSED"),
    withCup({ paymentToken: "tok_4111111111111111" }),
  ),
  creating("a request id that is no UUID", invalidField("request_id"), withCup({ requestId: "1" })),
  creating(
    "a request id used for another order",
    { code: Code.AlreadyExists, reason: "REQUEST_ID_REUSED", field: "request_id" },
    ({ cup, requestId }) => order([line(cup, 2)], { requestId }),
  ),
  creating("an idempotency key that is too long", invalidField("idempotency-key", "INVALID_REQUEST_ID"), withCup({}), {
    headers: { "idempotency-key": "k".repeat(256) },
  }),
];

const missing = { name: `orders/${randomUUID()}` };
const reads: readonly BadCall[] = [getOrder, cancelOrder, watchOrder].flatMap((method) => [
  badCalls(method, "customer")("an order there is not", orderNotFound, () => missing),
  badCalls(method, "stranger")("the order of someone else", orderNotFound, (shop) => ({ name: shop.order })),
  badCalls(method, "customer")("a name that is none", invalidField("name"), () => ({ name: "orders/a b" })),
  badCalls(method, "customer")("a name that is too long", invalidField("name"), () => ({
    name: `orders/${"1".repeat(65)}`,
  })),
  badCalls(method, "customer")("no name", invalidField("name"), () => ({}), { restRefusal: noRoute }),
  badCalls(method, "nobody")(
    "a call without a token",
    { code: Code.Unauthenticated, reason: "MISSING_TOKEN" },
    (shop) => ({ name: shop.order }),
  ),
]);

const listing = badCalls(listOrders, "customer");
const reading = badCalls(listOrderEvents, "customer");
const watching = badCalls(watchOrder, "customer");
const lists: readonly BadCall[] = [
  listing("a negative page size", invalidField("page_size"), () => ({ pageSize: -1 })),
  listing("a page size beyond all pages", invalidField("page_size"), () => ({ pageSize: 1_001 })),
  listing("a page token that was changed", invalidPageToken, ({ pageTokens }) => ({
    pageToken: tampered(pageTokens.orders),
  })),
  listing("the page token of another query", invalidPageToken, ({ pageTokens }) => ({
    state: "STATE_CONFIRMED",
    pageToken: pageTokens.orders,
  })),
  listing("the page token of another service", invalidPageToken, ({ pageTokens }) => ({
    pageToken: pageTokens.products,
  })),
  listing("a page token that is none", invalidPageToken, () => ({ pageToken: "2" })),
  listing("a page token that is too long", invalidField("page_token"), () => ({ pageToken: "x".repeat(1_001) })),
  listing("a state there is not", invalidField("state"), () => ({ state: 99 }), {
    // Envoy knows the words and numbers of an enum, and takes no other.
    restRefusal: { code: Code.InvalidArgument, reason: "MALFORMED_REQUEST" },
  }),
  listing("a user that is no name", invalidField("user"), () => ({ user: "me" })),
  listing("the orders of everybody to a customer", adminRequired, () => ({
    user: "users/-",
  })),
  listing("the orders of someone else to a customer", adminRequired, (shop) => ({ user: shop.stranger })),
  badCalls(listOrders, "stranger")("the page token of another user", invalidPageToken, ({ pageTokens }) => ({
    pageToken: pageTokens.orders,
  })),
  badCalls(listOrderEvents, "stranger")("the order of someone else", orderNotFound, (shop) => ({ parent: shop.order })),
  reading("an order there is not", orderNotFound, () => ({ parent: missing.name })),
  reading("a negative page size", invalidField("page_size"), (shop) => ({ parent: shop.order, pageSize: -1 })),
  reading("a page token that was changed", invalidPageToken, (shop) => ({
    parent: shop.order,
    pageToken: tampered(shop.pageTokens.orderEvents),
  })),
  watching("a negative sequence", invalidField("after_sequence"), (shop) => ({
    name: shop.order,
    afterSequence: "-1",
  })),
];

export const orderCases: readonly BadCall[] = [...creates, ...reads, ...lists];
