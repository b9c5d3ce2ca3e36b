import assert from "node:assert/strict";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { newId } from "@quartet/chassis/ids";
import { errorInfoOf } from "@quartet/chassis/rpc/error-details";
import { fixedClock } from "@quartet/chassis/testing/clock";
import { BadRequestSchema } from "@quartet/proto/google/rpc/error_details_pb";
import type { Order_State } from "@quartet/proto/shop/order/v1/order_pb";
import type { ListOrdersRequestSchema } from "@quartet/proto/shop/order/v1/order_service_pb";
import { afterEach, beforeEach, describe, it } from "mocha";
import { aProduct } from "../testing/builders.ts";
import { as, openTestService, type TestService } from "../testing/open-service.ts";

type Client = TestService["client"];
interface CreateRequest {
  readonly lines: { product?: string; quantity: number }[];
  readonly paymentToken: string;
  readonly expectedTotal?: { currency: string; minorUnits: bigint };
  readonly requestId?: string;
}
type ListRequest = MessageInitShape<typeof ListOrdersRequestSchema>;

interface Refusal {
  readonly code: Code;
  readonly reason: string;
  /** Fields that the refusal names, each once, in their order; none where it is not about fields. */
  readonly fields: readonly string[];
}

const invalid = (...fields: string[]): Refusal => ({ code: Code.InvalidArgument, reason: "INVALID_FIELDS", fields });
const refused = (code: Code, reason: string, ...fields: string[]): Refusal => ({ code, reason, fields });
const notFound = refused(Code.NotFound, "ORDER_NOT_FOUND");

const line = (product = "cup", quantity = 1) => ({ product: `products/${product}`, quantity });
const lines = (...all: ReturnType<typeof line>[]) => ({ lines: all });
const manyLines = (count: number) => lines(...Array.from({ length: count }, (_, index) => line(`p${index}`)));
const good: CreateRequest = { ...lines(line()), paymentToken: "tok_visa" };

/** Requests of CreateOrder that differ from a good one in this. */
const creations: Readonly<Record<string, readonly [change: Partial<CreateRequest>, refusal: Refusal]>> = {
  "no line": [lines(), invalid("lines")],
  "101 lines": [manyLines(101), invalid("lines")],
  "a thousand lines": [manyLines(1000), invalid("lines")],
  "no piece": [lines(line("cup", 0)), invalid("lines[0].quantity")],
  "less than no piece": [lines(line("cup", -1)), invalid("lines[0].quantity")],
  "the smallest number of pieces there is": [lines(line("cup", -(2 ** 31))), invalid("lines[0].quantity")],
  "1,001 pieces": [lines(line("cup", 1001)), invalid("lines[0].quantity")],
  "two lines that are wrong": [
    lines(line("cup", 0), line("mug"), line("pen", 1001)),
    invalid("lines[0].quantity", "lines[2].quantity"),
  ],
  "a line without a product": [{ lines: [{ quantity: 1 }] }, invalid("lines[0].product")],
  "a name that is no product's": [{ lines: [{ product: "orders/cup", quantity: 1 }] }, invalid("lines[0].product")],
  "a name with a path in it": [
    { lines: [{ product: "products/../users/ada", quantity: 1 }] },
    invalid("lines[0].product"),
  ],
  "a name that is too long": [lines(line("x".repeat(65))), invalid("lines[0].product")],
  "a name with a line break": [lines(line("cup\n")), invalid("lines[0].product")],
  "the same product twice": [
    lines(line("cup", 1), line("cup", 2)),
    refused(Code.InvalidArgument, "DUPLICATE_PRODUCT", "lines[1].product"),
  ],
  "a product that does not exist": [
    lines(line("cup"), line("ghost")),
    refused(Code.InvalidArgument, "UNKNOWN_PRODUCT", "lines[1].product"),
  ],
  "a product that is no longer sold": [
    lines(line("relic")),
    refused(Code.FailedPrecondition, "PRODUCT_ARCHIVED", "lines[0].product"),
  ],
  "a product whose price nobody knows": [lines(line("secret")), refused(Code.Unavailable, "PRICES_UNAVAILABLE")],
  "two currencies": [lines(line("cup"), line("mug")), refused(Code.InvalidArgument, "MIXED_CURRENCIES", "lines")],
  "a total above 10^12": [lines(line("yacht", 2)), refused(Code.InvalidArgument, "TOTAL_TOO_LARGE", "lines")],
  "another total than expected": [
    { expectedTotal: { currency: "EUR", minorUnits: 1298n } },
    refused(Code.FailedPrecondition, "TOTAL_MISMATCH", "expected_total"),
  ],
  "the expected total in another currency": [
    { expectedTotal: { currency: "USD", minorUnits: 1299n } },
    refused(Code.FailedPrecondition, "TOTAL_MISMATCH", "expected_total"),
  ],
  "an expected total below nothing": [
    { expectedTotal: { currency: "EUR", minorUnits: -1n } },
    invalid("expected_total.minor_units"),
  ],
  "an expected total in no currency": [
    { expectedTotal: { currency: "", minorUnits: 1n } },
    invalid("expected_total.currency"),
  ],
  "a card number": [
    { paymentToken: "x4111111111111111" },
    refused(Code.InvalidArgument, "CARD_NUMBER_REFUSED", "payment_token"),
  ],
  "a card number in groups": [
    { paymentToken: "card-4111-1111-1111-1111" },
    refused(Code.InvalidArgument, "CARD_NUMBER_REFUSED", "payment_token"),
  ],
  "a bare card number": [{ paymentToken: "4111111111111111" }, invalid("payment_token")],
  "no payment token": [{ paymentToken: "" }, invalid("payment_token")],
  "a payment token that is too long": [{ paymentToken: "t".repeat(101) }, invalid("payment_token")],
  "a request id that is no UUID": [{ requestId: "7" }, invalid("request_id")],
};

describe("OrderService refuses", () => {
  const clock = fixedClock();
  let service: TestService;
  let client: Client;
  /** An order of ada's, and what made it. */
  let name: string;
  const requestId = newId();

  beforeEach(async () => {
    service = await openTestService({
      now: clock.now,
      fetchProducts: (ids) =>
        ids.includes("ghost") ? { kind: "unknown", productId: "ghost" } : { kind: "unavailable" },
    });
    ({ client } = service);
    const price = (currency: string, minorUnits: number) => ({ price: { currency, minorUnits } });
    const known = [
      aProduct(),
      aProduct({ id: "mug", ...price("USD", 500) }),
      aProduct({ id: "pen" }),
      aProduct({ id: "relic", archived: true }),
      aProduct({ id: "yacht", ...price("EUR", 500_000_000_001) }),
    ];
    await service.products.confirm(known.map((product) => ({ ...product, confirmTime: clock.now() })));
    ({ name } = await client.createOrder({ ...good, requestId }, as("ada")));
  });
  afterEach(() => service.close());

  const counts = () =>
    service.database.sqlite
      .prepare(
        "SELECT (SELECT count(*) FROM orders) AS orders, (SELECT sum(version) FROM orders) AS versions, " +
          "(SELECT count(*) FROM order_events) AS entries, (SELECT count(*) FROM outbox) AS events, " +
          "(SELECT count(*) FROM request_claims) AS claims",
      )
      .get();

  async function assertRefused(call: () => Promise<unknown>, refusal: Refusal): Promise<void> {
    const before = counts();
    const error = await call().then(
      () => assert.fail("it was accepted"),
      (reason) => ConnectError.from(reason),
    );
    const fields = error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
    assert.deepEqual(
      {
        code: Code[error.code],
        reason: errorInfoOf(error)?.reason,
        fields: [...new Set(fields.map(({ field }) => field))],
      },
      { ...refusal, code: Code[refusal.code] },
      error.message,
    );
    const [first] = refusal.fields;
    if (first !== undefined) assert.ok(error.rawMessage.includes(first), error.rawMessage);
    assert.deepEqual(counts(), before);
  }

  describe("to create an order with", () => {
    for (const [what, [change, refusal]] of Object.entries(creations)) {
      it(what, () => assertRefused(() => client.createOrder({ ...good, ...change }, as("ada")), refusal));
    }

    it("a request id that made another order, though that one is there", () =>
      assertRefused(
        () => client.createOrder({ ...good, ...lines(line("pen")), requestId }, as("ada")),
        refused(Code.AlreadyExists, "REQUEST_ID_REUSED", "request_id"),
      ));

    it("an idempotency key that is too long", () =>
      assertRefused(
        () => client.createOrder(good, as("ada", { "idempotency-key": "k".repeat(300) })),
        refused(Code.InvalidArgument, "INVALID_REQUEST_ID", "idempotency-key"),
      ));
  });

  it("no order of the largest size that is allowed", async () => {
    const products = Array.from({ length: 100 }, (_, index) =>
      aProduct({ id: `p${index}`, price: { currency: "EUR", minorUnits: 1 } }),
    );
    await service.products.confirm(products.map((product) => ({ ...product, confirmTime: clock.now() })));
    const most = { lines: products.map(({ id }) => line(id, 1000)) };
    const order = await client.createOrder(
      { ...good, ...most, expectedTotal: { currency: "EUR", minorUnits: 100_000n } },
      as("ada"),
    );
    assert.equal(order.lines.length, 100);
  });

  const wrongNames = {
    "no name": "",
    "a bare id": "o1",
    "a product's name": "products/cup",
    "a name with more parts": "orders/o1/events/1",
    "a name without an id": "orders/",
    "a name with a line break": "orders/o1\n",
    "a name that is too long": `orders/${"x".repeat(65)}`,
    "a name outside of ASCII": "orders/ö1",
  };
  const byName: Readonly<Record<string, (asked: string, token?: string) => Promise<unknown>>> = {
    getOrder: (asked, token = "ada") => client.getOrder({ name: asked }, as(token)),
    cancelOrder: (asked, token = "ada") => client.cancelOrder({ name: asked }, as(token)),
    listOrderEvents: (asked, token = "ada") => client.listOrderEvents({ parent: asked }, as(token)),
    watchOrder: (asked, token = "ada") => client.watchOrder({ name: asked }, as(token))[Symbol.asyncIterator]().next(),
  };
  for (const [method, call] of Object.entries(byName)) {
    describe(`in ${method}`, () => {
      for (const [what, asked] of Object.entries(wrongNames)) {
        it(what, () => assertRefused(() => call(asked), invalid(method === "listOrderEvents" ? "parent" : "name")));
      }
      it("an order that is not there", () => assertRefused(() => call(`orders/${newId()}`), notFound));
      it("an order of somebody else", () => assertRefused(() => call(name, "eve"), notFound));
      it("a caller without a token", () =>
        assertRefused(
          async () => {
            const { authorization: _, ...headers } = as("ada").headers;
            const anonymous = { headers };
            if (method === "watchOrder") await client.watchOrder({ name }, anonymous)[Symbol.asyncIterator]().next();
            else if (method === "listOrderEvents") await client.listOrderEvents({ parent: name }, anonymous);
            else await client[method as "getOrder" | "cancelOrder"]({ name }, anonymous);
          },
          refused(Code.Unauthenticated, "MISSING_TOKEN"),
        ));
    });
  }

  describe("in watchOrder", () => {
    for (const afterSequence of [-1n, -(2n ** 63n), 2n ** 53n, 2n ** 63n - 1n]) {
      it(`to go on after ${afterSequence}`, () =>
        assertRefused(
          () => client.watchOrder({ name, afterSequence }, as("ada"))[Symbol.asyncIterator]().next(),
          invalid("after_sequence"),
        ));
    }
  });

  describe("in listOrders", () => {
    const list = (request: ListRequest, token = "ada") => client.listOrders(request, as(token));
    const requests: Readonly<Record<string, readonly [ListRequest, Refusal]>> = {
      "a page of less than nothing": [{ pageSize: -1 }, invalid("page_size")],
      "a page above what may be asked for": [{ pageSize: 1001 }, invalid("page_size")],
      "a state that nobody knows": [{ state: 99 as Order_State }, invalid("state")],
      "a state below nothing": [{ state: -1 as Order_State }, invalid("state")],
      "a user that is no name": [{ user: "ada" }, invalid("user")],
      "a name that is no user's": [{ user: "orders/o1" }, invalid("user")],
      "a user with more parts": [{ user: "users/ada/orders" }, invalid("user")],
      "a user that is too long": [{ user: `users/${"x".repeat(65)}` }, invalid("user")],
      "another user": [{ user: "users/bob" }, refused(Code.PermissionDenied, "ADMIN_REQUIRED")],
      everybody: [{ user: "users/-" }, refused(Code.PermissionDenied, "ADMIN_REQUIRED")],
      "a page token that is none": [
        { pageToken: "next" },
        refused(Code.InvalidArgument, "INVALID_PAGE_TOKEN", "page_token"),
      ],
      "a page token that is too long": [{ pageToken: "x".repeat(1001) }, invalid("page_token")],
    };
    for (const [what, [request, refusal]] of Object.entries(requests)) {
      it(what, () => assertRefused(() => list(request), refusal));
    }

    it("a token that was changed, or is one of another query, caller or list", async () => {
      for (const user of ["ada", "ada", "root"]) await client.createOrder(good, as(user));
      const tokenOf = async (request: ListRequest, token: string) =>
        (await list({ pageSize: 1, ...request }, token)).nextPageToken || assert.fail("no further page");
      const mine = await tokenOf({}, "ada");
      const everybodys = await tokenOf({ user: "users/-" }, "root:admin");
      const adas = await tokenOf({ user: "users/ada" }, "root:admin");
      const pending = await tokenOf({ user: "users/-", state: 1 }, "root:admin");
      const refusal = refused(Code.InvalidArgument, "INVALID_PAGE_TOKEN", "page_token");
      const first = mine.at(0) === "A" ? "B" : "A";
      for (const call of [
        () => list({ pageToken: `${mine}x` }),
        () => list({ pageToken: first + mine.slice(1) }),
        () => list({ pageToken: mine.slice(0, -1) }),
        () => list({ pageToken: mine, state: 1 }),
        () => list({ pageToken: mine }, "bob"),
        () => list({ pageToken: mine, user: "users/ada" }, "root:admin"),
        () => list({ pageToken: everybodys }, "root:admin"),
        () => list({ pageToken: everybodys, user: "users/ada" }, "root:admin"),
        () => list({ pageToken: everybodys, user: "users/-", state: 1 }, "root:admin"),
        () => list({ pageToken: pending, user: "users/-", state: 2 }, "root:admin"),
        () => list({ pageToken: pending, user: "users/-" }, "root:admin"),
        () => list({ pageToken: adas, user: "users/-" }, "root:admin"),
        () => list({ pageToken: adas }, "ada"),
        () => client.listOrderEvents({ parent: name, pageToken: mine }, as("ada")),
      ]) {
        await assertRefused(call, refusal);
      }
      // The same query said otherwise is the same query, and the size of a page is no part of it.
      assert.equal((await list({ pageToken: mine, user: "users/me", pageSize: 5 })).orders.length, 2);
    });
  });

  describe("in listOrderEvents", () => {
    const list = (request: object) => client.listOrderEvents({ parent: name, ...request }, as("ada"));
    it("a page of less than nothing", () => assertRefused(() => list({ pageSize: -1 }), invalid("page_size")));
    it("a page above what may be asked for", () => assertRefused(() => list({ pageSize: 1001 }), invalid("page_size")));
    it("the token of another order", async () => {
      const other = await client.createOrder(good, as("ada"));
      await client.cancelOrder({ name: other.name }, as("ada"));
      const { nextPageToken } = await client.listOrderEvents({ parent: other.name, pageSize: 1 }, as("ada"));
      await assertRefused(
        () => list({ pageToken: nextPageToken }),
        refused(Code.InvalidArgument, "INVALID_PAGE_TOKEN", "page_token"),
      );
    });
  });
});
