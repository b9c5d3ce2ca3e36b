import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import { loadContract } from "@quartet/chassis/contract";
import { newId } from "@quartet/chassis/ids";
import { silentLogger } from "@quartet/chassis/log";
import { errorInfoOf } from "@quartet/chassis/rpc/error-details";
import { createGrpcServer } from "@quartet/chassis/rpc/grpc-server";
import { openDatabase } from "@quartet/chassis/storage/database";
import { type BrokerStage, createMemoryStage, createRabbitMqStage } from "@quartet/chassis/testing/broker-stages";
import { fixedClock } from "@quartet/chassis/testing/clock";
import { eventually } from "@quartet/chassis/testing/eventually";
import { assertLeavesNothing } from "@quartet/chassis/testing/leaves-nothing";
import { implementPartly } from "@quartet/chassis/testing/partial-service";
import { startRabbitMqEarly } from "@quartet/chassis/testing/rabbitmq";
import { createServiceHome, type RunningService, type ServiceHome } from "@quartet/chassis/testing/service-home";
import { testAdmission, testInterceptors } from "@quartet/chassis/testing/test-server";
import { createTestTokens } from "@quartet/chassis/testing/test-tokens";
import {
  Order_CancelReason,
  Order_PaymentState,
  Order_State,
  Order_StockState,
} from "@quartet/proto/shop/order/v1/order_pb";
import { OrderService } from "@quartet/proto/shop/order/v1/order_service_pb";
import { StockReservedSchema } from "@quartet/proto/shop/product/v1/product_events_pb";
import { ProductService } from "@quartet/proto/shop/product/v1/product_service_pb";
import { afterEach, beforeEach, describe, it } from "mocha";
import { readOrderConfig } from "./config.ts";
import { createService } from "./service.ts";
import { type Neighbours, startNeighbours } from "./testing/neighbours.ts";

const dayMs = 86_400_000;

// Nobody listens on port 1: product-svc is away unless a test says where it is.
const productSvcAway = { PRODUCT_SVC_TARGET: "127.0.0.1:1" };

/** order-svc in a folder of its own, and what makes the headers of a call of ada: a token is good for a few minutes. */
function createHome(now: () => number): {
  home: ServiceHome<typeof OrderService>;
  login: () => Promise<Record<string, string>>;
} {
  const tokens = createTestTokens({ now });
  const home = createServiceHome({
    name: "order-svc",
    service: OrderService,
    create: (environment, overrides) =>
      createService(readOrderConfig({ ...productSvcAway, ...environment }), overrides),
    tokens,
    now,
  });
  const login = async () => ({ authorization: `Bearer ${await tokens.sign({ userId: "ada" })}` });
  return { home, login };
}

function describeService(broker: string, createStage: () => Promise<BrokerStage>): void {
  describe(`order-svc with ${broker}`, function () {
    // A first RabbitMQ takes its time to start.
    this.timeout(90_000);

    let clock: ReturnType<typeof fixedClock>;
    let stage: BrokerStage;
    let home: ServiceHome<typeof OrderService>;
    let neighbours: Neighbours;
    let service: RunningService<typeof OrderService>;
    let login: () => Promise<Record<string, string>>;
    let headers: Record<string, string>;

    beforeEach(async () => {
      clock = fixedClock();
      stage = await createStage();
      ({ home, login } = createHome(clock.now));
      headers = await login();
      neighbours = await startNeighbours(stage);
      service = await home.start(stage);
      await neighbours.sellCups(1299n);
      await eventually("the product is known", async () => await canPlace());
    });
    afterEach(async () => {
      await home.remove();
      await neighbours.stop();
      await stage.stop();
    });

    const twoCups = (requestId = "") => ({
      lines: [{ product: "products/cup", quantity: 2 }],
      paymentToken: "tok_visa",
      requestId,
    });
    // A wrong expectation is refused after the prices are known, and places nothing.
    const canPlace = () =>
      service.client
        .createOrder({ ...twoCups(), expectedTotal: { currency: "EUR", minorUnits: 1n } }, { headers })
        .then(() => false)
        .catch((error: Error) => error.message.includes("total"));
    const place = async (requestId?: string) =>
      (await service.client.createOrder(twoCups(requestId), { headers })).name;
    const get = (name: string) => service.client.getOrder({ name }, { headers });
    const causes = async (name: string) =>
      (await service.client.listOrderEvents({ parent: name }, { headers })).orderEvents.map((entry) =>
        entry.cause.split(".").at(-1),
      );
    const settled = async (name: string, state: keyof typeof Order_State, stock: keyof typeof Order_StockState) => {
      const order = await eventually(`${name} is ${state} and its stock ${stock}`, async () => {
        const found = await get(name);
        return found.state === Order_State[state] && found.stockState === Order_StockState[stock] ? found : undefined;
      });
      return order ?? assert.fail();
    };

    it("takes an order to the end", async () => {
      const name = await place();
      const order = await settled(name, "CONFIRMED", "SOLD");
      assert.equal(order.captured?.minorUnits, 2598n);
      assert.equal(order.paymentState, Order_PaymentState.CAPTURED);
      assert.deepEqual(await causes(name), ["OrderPlaced", "StockReserved", "PaymentCaptured", "StockSold"]);
    });

    it("answers over HTTP as it does over gRPC", async () => {
      const name = await place();
      const order = await settled(name, "CONFIRMED", "SOLD");
      const response = await service.post("GetOrder", { name }, headers);
      assert.equal(response.status, 200);
      const body = (await response.json()) as { name: string; etag: string };
      assert.deepEqual([body.name, body.etag], [name, order.etag]);
    });

    it("cancels an order that is out of stock", async () => {
      neighbours.manners.stock = "reject";
      const name = await place();
      const order = await settled(name, "CANCELLED", "RELEASED");
      assert.equal(order.cancelReason, Order_CancelReason.OUT_OF_STOCK);
      assert.deepEqual(await causes(name), ["OrderPlaced", "StockRejected", "StockReleased"]);
    });

    it("cancels an order whose payment is declined", async () => {
      neighbours.manners.payment = "decline";
      const order = await settled(await place(), "CANCELLED", "RELEASED");
      assert.equal(order.cancelReason, Order_CancelReason.PAYMENT_DECLINED);
      assert.equal(order.captured?.minorUnits, 0n);
    });

    it("cancels a confirmed order and sees its money come back", async () => {
      const name = await place();
      await settled(name, "CONFIRMED", "SOLD");
      await service.client.cancelOrder({ name }, { headers });
      await settled(name, "CANCELLED", "RELEASED");
      await eventually("the money is back", async () => (await get(name)).refunded?.minorUnits === 2598n);
    });

    it("records everything once when everything is said twice", async () => {
      neighbours.manners.times = 2;
      const name = await place();
      await settled(name, "CONFIRMED", "SOLD");
      // Said last, so that whatever was said before has been heard.
      await service.client.cancelOrder({ name }, { headers });
      await settled(name, "CANCELLED", "RELEASED");
      await eventually("the money is back", async () => (await get(name)).refunded?.minorUnits === 2598n);
      const recorded = await causes(name);
      assert.equal(new Set(recorded).size, recorded.length, recorded.join());
    });

    it("accepts orders while the broker is away and settles them when it is back", async () => {
      await stage.setUp(false);
      const names = [await place(), await place()];
      assert.equal((await get(names[0] ?? "")).state, Order_State.PENDING);
      await stage.setUp(true);
      for (const name of names) await settled(name, "CONFIRMED", "SOLD");
    });

    it("goes on after a restart where it was", async () => {
      await stage.setUp(false);
      const requestId = newId();
      const name = await place(requestId);
      await place();
      const { nextPageToken } = await service.client.listOrders({ pageSize: 1 }, { headers });
      await service.stop();

      await stage.setUp(true);
      service = await home.start(stage);
      await settled(name, "CONFIRMED", "SOLD");
      assert.equal(await place(requestId), name);
      const { orders } = await service.client.listOrders({ pageSize: 1, pageToken: nextPageToken }, { headers });
      assert.deepEqual(
        orders.map((order) => order.name),
        [name],
      );
    });

    it("remembers its deadlines over a restart, and gives each its time anew", async () => {
      neighbours.manners.stock = "silent";
      neighbours.manners.payment = "silent";
      const metrics = async () => (await fetch(`${service.httpUrl}/metrics`)).text();
      // The time to answer begins when the broker has confirmed the event, which may be later than it was heard. It begins
      // anew when the event is sent again, as those are that a service finds its queues new after.
      await eventually("the queues are known", async () =>
        /^outbox_queues_complete_time_seconds\{.*\} [1-9]/m.test(await metrics()),
      );
      const name = await place();
      await eventually("the event is out", () => neighbours.heard.includes("shop.order.v1.OrderPlaced"));
      await eventually("it is known to be out", async () => /^outbox_pending_events\{.*\} 0$/m.test(await metrics()));
      await service.stop();

      clock.advance(900_001);
      headers = await login();
      const startTime = clock.now();
      service = await home.start(stage, { STEP_DEADLINE_MS: "10000" });
      // Slow enough for the sweeper to see it go on, and not to take it for a clock that was set.
      const passing = setInterval(() => clock.advance(500), 150);
      try {
        const order = await settled(name, "CANCELLED", "RELEASED");
        assert.equal(order.cancelReason, Order_CancelReason.DEADLINE_EXCEEDED);
        assert.ok(Number(timestampMs(order.updateTime ?? assert.fail())) >= startTime + 10_000);
        await eventually("the payment is closed", async () => {
          return (await get(name)).paymentState === Order_PaymentState.VOIDED;
        });
      } finally {
        clearInterval(passing);
      }
    });

    it("refuses a new order of an archived product at once when it has heard of it", async () => {
      await neighbours.archiveCups();
      const refusal = async () =>
        service.client.createOrder(twoCups(), { headers }).then(
          () => undefined,
          (error) => errorInfoOf(ConnectError.from(error))?.reason,
        );
      await eventually("the order is refused", async () => (await refusal()) === "PRODUCT_ARCHIVED");
    });

    it("cancels an order of a product whose archiving it has not heard of as out of stock", async () => {
      // product-svc knows, and refuses the stock; its news are still on their way.
      neighbours.manners.stock = "reject";
      const name = await place();
      await neighbours.archiveCups();
      assert.equal((await settled(name, "CANCELLED", "RELEASED")).cancelReason, Order_CancelReason.OUT_OF_STOCK);
    });

    it("cancels the open orders of a deleted user, keeps the others, and takes no new one", async () => {
      const confirmed = await place();
      await settled(confirmed, "CONFIRMED", "SOLD");
      neighbours.manners.payment = "silent";
      const requestId = newId();
      const open = await place(requestId);
      await settled(open, "AWAITING_PAYMENT", "RESERVED");
      const eventId = await neighbours.deleteUser("ada");

      const order = await settled(open, "CANCELLED", "RELEASED");
      assert.equal(order.cancelReason, Order_CancelReason.USER_DELETED);
      const { orderEvents } = await service.client.listOrderEvents({ parent: open }, { headers });
      const cancellation = orderEvents.find(({ state }) => state === Order_State.CANCELLED);
      assert.deepEqual([cancellation?.cause, cancellation?.eventId], ["shop.user.v1.UserDeleted", eventId]);
      assert.equal((await get(confirmed)).state, Order_State.CONFIRMED);
      await assert.rejects(place(), (error) => {
        assert.equal(errorInfoOf(ConnectError.from(error))?.reason, "USER_DELETED");
        return true;
      });
      assert.equal(await place(requestId), open);
      // The token is good for a few minutes more.
      await service.client.cancelOrder({ name: confirmed }, { headers });
      await settled(confirmed, "CANCELLED", "RELEASED");
    });

    it("cancels after a restart what a deleted user had left open", async () => {
      neighbours.manners.payment = "silent";
      const name = await place();
      await settled(name, "AWAITING_PAYMENT", "RESERVED");
      await service.stop();
      // The process died after it had recorded the deletion, and before anything else.
      const database = openDatabase({ file: join(home.dataDir, "order-svc.sqlite") });
      database.sqlite.exec("INSERT INTO deleted_users VALUES ('ada', 'deletion', 0, NULL)");
      await database.close();

      service = await home.start(stage);
      const order = await settled(name, "CANCELLED", "RELEASED");
      assert.equal(order.cancelReason, Order_CancelReason.USER_DELETED);
    });

    it("leaves nothing behind when it stops", async () => {
      await service.stop();
      await assertLeavesNothing(home.dataDir, async () => {
        service = await home.start(stage);
        await place();
        await service.stop();
      });
    });

    it("cancels nothing over a long absence of the broker", async () => {
      await stage.setUp(false);
      const name = await place();
      clock.advance(dayMs);
      headers = await login();
      await service.stop();
      service = await home.start(stage);
      await stage.setUp(true);
      await settled(name, "CONFIRMED", "SOLD");
    });
  });
}

describeService("a broker in memory", createMemoryStage);
startRabbitMqEarly();
describeService("RabbitMQ", createRabbitMqStage);

describe("order-svc", () => {
  it("waits for the price of a product it does not know, and asks on behalf of the same trace", async () => {
    const clock = fixedClock();
    const { home, login } = createHome(clock.now);
    const headers = await login();
    const stage = await createMemoryStage();
    const traceparents: (string | null)[] = [];
    const productServer = createGrpcServer({
      registrations: [
        implementPartly(ProductService, {
          async batchGetProducts({ names }, { requestHeader }) {
            // Longer than it would wait for a price that is only to be fresher.
            await delay(3 * readOrderConfig({}).productTimeoutMs);
            traceparents.push(requestHeader.get("traceparent"));
            return {
              products: names.map((name) => ({ name, version: 1n, price: { currency: "EUR", minorUnits: 5n } })),
            };
          },
        }),
      ],
      interceptors: testInterceptors(),
      admission: testAdmission(),
      bindAddress: "127.0.0.1",
      port: 0,
      contract: loadContract().descriptorSet,
      log: silentLogger(),
    });
    const { port } = await productServer.start();
    const service = await home.start(stage, { PRODUCT_SVC_TARGET: `127.0.0.1:${port}` });
    try {
      const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
      const order = await service.client.createOrder(
        { lines: [{ product: "products/pen", quantity: 3 }], paymentToken: "tok_visa" },
        { headers: { ...headers, traceparent: `00-${traceId}-00f067aa0ba902b7-01` } },
      );
      assert.equal(order.total?.minorUnits, 15n);
      assert.equal(traceparents.length, 1);
      const { orderEvents } = await service.client.listOrderEvents({ parent: order.name }, { headers });
      assert.equal(traceparents[0]?.split("-")[1], orderEvents[0]?.traceId);
    } finally {
      await home.remove();
      await productServer.stop(0);
      await stage.stop();
    }
  });

  it("puts news of an order that does not exist aside, and shows it in its metrics", async () => {
    const { home } = createHome(Date.now);
    const stage = await createMemoryStage();
    const neighbours = await startNeighbours(stage);
    const service = await home.start(stage);
    try {
      await neighbours.say(StockReservedSchema, { order: "orders/ghost", version: 1n });
      await eventually("the message waits", async () => {
        const metrics = await (await fetch(`${service.httpUrl}/metrics`)).text();
        return /inbox_waiting_messages(\{[^}]*\})? 1/.test(metrics);
      });
    } finally {
      await home.remove();
      await neighbours.stop();
      await stage.stop();
    }
  });
});
