import assert from "node:assert/strict";
import { type MessageInitShape, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { newId } from "@quartet/chassis/ids";
import { errorInfoOf } from "@quartet/chassis/rpc/error-details";
import { fixedClock } from "@quartet/chassis/testing/clock";
import { BadRequestSchema, RetryInfoSchema } from "@quartet/proto/google/rpc/error_details_pb";
import { Order_CancelReason, Order_State, OrderSchema } from "@quartet/proto/shop/order/v1/order_pb";
import type { ListOrdersRequestSchema } from "@quartet/proto/shop/order/v1/order_service_pb";
import { afterEach, beforeEach, describe, it } from "mocha";
import { createCancelOrdersOfDeletedUsers } from "../app/cancel-orders-of-deleted-users.ts";
import { createRecordFacts } from "../app/record-facts.ts";
import { aMessage, aProduct } from "../testing/builders.ts";
import { as, openTestService, type TestService } from "../testing/open-service.ts";

describe("OrderService", () => {
  const clock = fixedClock();
  let service: TestService;
  let client: TestService["client"];

  beforeEach(async () => {
    service = await openTestService(clock);
    ({ client } = service);
    await service.products.confirm([{ ...aProduct(), confirmTime: clock.now() }]);
  });
  afterEach(() => service.close());

  const twoCups = { lines: [{ product: "products/cup", quantity: 2 }], paymentToken: "tok_visa" };
  const place = (user = "ada") => client.createOrder(twoCups, as(user));
  const failure = async (call: Promise<unknown>): Promise<ConnectError> => {
    try {
      await call;
    } catch (error) {
      return ConnectError.from(error);
    }
    return assert.fail("the call succeeded");
  };

  it("places an order and returns it whole", async () => {
    const order = await client.createOrder(
      { ...twoCups, expectedTotal: { currency: "EUR", minorUnits: 2598n } },
      as("ada"),
    );
    assert.match(order.name, /^orders\/[0-9a-f-]{36}$/);
    assert.deepEqual(toJson(OrderSchema, order), {
      name: order.name,
      user: "users/ada",
      state: "STATE_PENDING",
      lines: [
        {
          product: "products/cup",
          productVersion: "1",
          displayName: "Cup",
          quantity: 2,
          unitPrice: { currency: "EUR", minorUnits: "1299" },
        },
      ],
      total: { currency: "EUR", minorUnits: "2598" },
      captured: { currency: "EUR" },
      refunded: { currency: "EUR" },
      createTime: "2026-01-01T00:00:00Z",
      updateTime: "2026-01-01T00:00:00Z",
      etag: '"1"',
    });
    assert.deepEqual(await client.getOrder({ name: order.name }, as("ada")), order);
  });

  it("places one order for a request id, from the field or the header, and refuses it for other content", async () => {
    const requestId = newId();
    const first = await client.createOrder({ ...twoCups, requestId }, as("ada"));
    assert.equal((await client.createOrder({ ...twoCups, requestId }, as("ada"))).name, first.name);
    const header = as("ada", { "idempotency-key": requestId });
    assert.equal((await client.createOrder(twoCups, header)).name, first.name);
    const other = { ...twoCups, lines: [{ product: "products/cup", quantity: 3 }], requestId };
    const error = await failure(client.createOrder(other, as("ada")));
    assert.equal(error.code, Code.AlreadyExists);
    assert.equal(errorInfoOf(error)?.reason, "REQUEST_ID_REUSED");
    assert.notEqual((await client.createOrder({ ...twoCups, requestId }, as("bob"))).name, first.name);
  });

  it("names the field of a line that is wrong", async () => {
    const lines = [twoCups.lines[0], twoCups.lines[0]].map((line) => ({ ...line }));
    const error = await failure(client.createOrder({ ...twoCups, lines }, as("ada")));
    assert.equal(error.code, Code.InvalidArgument);
    assert.equal(errorInfoOf(error)?.reason, "DUPLICATE_PRODUCT");
    assert.equal(error.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field, "lines[1].product");
  });

  it("says when to come back when a price is not known", async () => {
    const lines = [{ product: "products/mug", quantity: 1 }];
    const error = await failure(client.createOrder({ ...twoCups, lines }, as("ada")));
    assert.equal(error.code, Code.Unavailable);
    assert.equal(errorInfoOf(error)?.reason, "PRICES_UNAVAILABLE");
    assert.equal(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds, 2n);
  });

  for (const [what, change] of Object.entries({
    "no lines": { lines: [] },
    "a quantity of nothing": { lines: [{ product: "products/cup", quantity: 0 }] },
    "a name that is no product's": { lines: [{ product: "cup", quantity: 1 }] },
    "a card number": { paymentToken: "4111111111111111" },
    "a card number in disguise": { paymentToken: "x-4111-1111-1111-1111" },
    "no payment token": { paymentToken: "" },
    "a request id that is no UUID": { requestId: "7" },
  })) {
    it(`refuses ${what}`, async () => {
      assert.equal(
        (await failure(client.createOrder({ ...twoCups, ...change }, as("ada")))).code,
        Code.InvalidArgument,
      );
      assert.deepEqual(await service.published(), []);
    });
  }

  it("answers a stranger's order and a missing one alike, byte by byte", async () => {
    const { name } = await place();
    const answers = async (asked: string) => {
      const errors = await Promise.all([
        failure(client.getOrder({ name: asked }, as("eve"))),
        failure(client.cancelOrder({ name: asked }, as("eve"))),
        failure(client.listOrderEvents({ parent: asked }, as("eve"))),
        failure(client.watchOrder({ name: asked }, as("eve"))[Symbol.asyncIterator]().next()),
      ]);
      return errors.map((error) => {
        assert.equal(error.code, Code.NotFound);
        assert.equal(errorInfoOf(error)?.reason, "ORDER_NOT_FOUND");
        const details = error.details.map((detail) => ("type" in detail ? Buffer.from(detail.value).toString() : "?"));
        return JSON.stringify([error.rawMessage, details]).replaceAll(asked, "orders/x");
      });
    };
    const missing = `orders/${newId()}`;
    assert.deepEqual(await answers(name), await answers(missing));
    assert.equal((await client.getOrder({ name }, as("ada"))).state, Order_State.PENDING);
  });

  it("lets an administrator read any order and its timeline", async () => {
    const { name } = await place();
    assert.equal((await client.getOrder({ name }, as("root:admin"))).user, "users/ada");
    const { orderEvents } = await client.listOrderEvents({ parent: name }, as("root:admin"));
    assert.equal(orderEvents.length, 1);
  });

  it("refuses a caller without a token", async () => {
    assert.equal((await failure(client.createOrder(twoCups))).code, Code.Unauthenticated);
  });

  it("refuses an order of a user whose account was deleted, and returns what a repeated request has made", async () => {
    const requestId = newId();
    const { name } = await client.createOrder({ ...twoCups, requestId }, as("ada"));
    await service.deletedUsers.record("ada", aMessage("m1"));
    const error = await failure(client.createOrder(twoCups, as("ada")));
    assert.deepEqual([error.code, errorInfoOf(error)?.reason], [Code.FailedPrecondition, "USER_DELETED"]);
    assert.equal((await client.createOrder({ ...twoCups, requestId }, as("ada"))).name, name);
  });

  it("cancels an order for a token that has outlived its account", async () => {
    const { name } = await place();
    await service.deletedUsers.record("ada", aMessage("m1"));
    const cancelled = await client.cancelOrder({ name }, as("ada"));
    assert.equal(cancelled.cancelReason, Order_CancelReason.REQUESTED);
  });

  it("names the deletion of the account as the reason of a cancellation", async () => {
    const { name } = await place();
    await service.deletedUsers.record("ada", aMessage("m1"));
    await createCancelOrdersOfDeletedUsers(service)();
    assert.equal((await client.getOrder({ name }, as("ada"))).cancelReason, Order_CancelReason.USER_DELETED);
  });

  it("cancels an order, and returns a cancelled one as it is", async () => {
    const { name } = await place();
    const cancelled = await client.cancelOrder({ name }, as("ada"));
    assert.equal(cancelled.state, Order_State.CANCELLED);
    assert.equal(cancelled.cancelReason, Order_CancelReason.REQUESTED);
    assert.deepEqual(await client.cancelOrder({ name }, as("ada")), cancelled);
  });

  it("refuses to cancel an order confirmed too long ago", async () => {
    const { name } = await place();
    const facts = createRecordFacts(service);
    const orderId = name.slice("orders/".length);
    const amount = { currency: "EUR", minorUnits: 2598 };
    await facts.stock(orderId, { state: "RESERVED", version: 1 }, aMessage("m1"));
    await facts.payment(orderId, { state: "CAPTURED", version: 2, amount }, aMessage("m2"));
    clock.advance(1001);
    const error = await failure(client.cancelOrder({ name }, as("ada")));
    assert.equal(error.code, Code.FailedPrecondition);
    assert.equal(errorInfoOf(error)?.reason, "CANCEL_WINDOW_CLOSED");
  });

  it("lists the caller's orders page by page, newest first", async () => {
    const names = [];
    for (let count = 0; count < 3; count++) names.unshift((await place()).name);
    await place("bob");
    const first = await client.listOrders({ pageSize: 2 }, as("ada"));
    const second = await client.listOrders({ pageSize: 2, pageToken: first.nextPageToken }, as("ada"));
    assert.deepEqual(
      [...first.orders, ...second.orders].map((order) => order.name),
      names,
    );
    assert.equal(second.nextPageToken, "");
  });

  describe("lists for an administrator", () => {
    const namesOf = async (request: MessageInitShape<typeof ListOrdersRequestSchema>, token = "root:admin") =>
      (await client.listOrders(request, as(token))).orders.map((order) => order.name);
    let mine: string;
    let adas: string[];
    let bobs: string;
    beforeEach(async () => {
      adas = [(await place()).name, (await place()).name].reverse();
      bobs = (await place("bob")).name;
      mine = (await place("root")).name;
    });

    it("their own orders by default and as users/me", async () => {
      assert.deepEqual(await namesOf({}), [mine]);
      assert.deepEqual(await namesOf({ user: "users/me" }), [mine]);
    });

    it("those of a user, and everybody's", async () => {
      assert.deepEqual(await namesOf({ user: "users/ada" }), adas);
      assert.deepEqual(await namesOf({ user: "users/nobody" }), []);
      assert.deepEqual(await namesOf({ user: "users/-" }), [mine, bobs, ...adas]);
    });

    it("those in one state, page by page", async () => {
      await client.cancelOrder({ name: bobs }, as("bob"));
      assert.deepEqual(await namesOf({ user: "users/-", state: Order_State.CANCELLED }), [bobs]);
      assert.deepEqual(await namesOf({ user: "users/bob", state: Order_State.PENDING }), []);
      const request = { user: "users/-", state: Order_State.PENDING, pageSize: 2 };
      const { nextPageToken } = await client.listOrders(request, as("root:admin"));
      assert.deepEqual(await namesOf({ ...request, pageToken: nextPageToken }), adas.slice(1));
    });

    it("and lets a customer name only themselves", async () => {
      assert.deepEqual(await namesOf({ user: "users/me" }, "ada"), adas);
      assert.deepEqual(await namesOf({ user: "users/ada" }, "ada"), adas);
      for (const user of ["users/bob", "users/-", "users/nobody"]) {
        const error = await failure(client.listOrders({ user }, as("ada")));
        assert.deepEqual([error.code, errorInfoOf(error)?.reason], [Code.PermissionDenied, "ADMIN_REQUIRED"]);
        assert.equal(errorInfoOf(error)?.metadata.user, user);
      }
    });
  });

  it("refuses a page token of another caller or another list", async () => {
    for (let count = 0; count < 2; count++) await place();
    const { nextPageToken } = await client.listOrders({ pageSize: 1 }, as("ada"));
    const { name } = await place("bob");
    for (const call of [
      client.listOrders({ pageToken: nextPageToken }, as("bob")),
      client.listOrderEvents({ parent: name, pageToken: nextPageToken }, as("bob")),
      client.listOrders({ pageToken: `${nextPageToken}x` }, as("ada")),
    ]) {
      const error = await failure(call);
      assert.equal(error.code, Code.InvalidArgument);
      assert.equal(errorInfoOf(error)?.reason, "INVALID_PAGE_TOKEN");
    }
  });

  it("lists a timeline page by page, oldest first", async () => {
    const { name } = await place();
    await client.cancelOrder({ name }, as("ada"));
    const first = await client.listOrderEvents({ parent: name, pageSize: 1 }, as("ada"));
    const second = await client.listOrderEvents(
      { parent: name, pageSize: 1, pageToken: first.nextPageToken },
      as("ada"),
    );
    assert.deepEqual(
      [...first.orderEvents, ...second.orderEvents].map((entry) => [entry.name, entry.state, entry.cause]),
      [
        [`${name}/events/1`, Order_State.PENDING, "shop.order.v1.OrderPlaced"],
        [`${name}/events/2`, Order_State.CANCELLED, "shop.order.v1.OrderCancelled"],
      ],
    );
    assert.equal(second.nextPageToken, "");
    assert.match(first.orderEvents[0]?.traceId ?? "", /^[0-9a-f]{32}$/);
  });
});
