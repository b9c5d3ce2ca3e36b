import assert from "node:assert/strict";
import { DomainError } from "@quartet/chassis/domain-error";
import { OrderService } from "@quartet/proto/shop/order/v1/order_service_pb";
import { PaymentService } from "@quartet/proto/shop/payment/v1/payment_service_pb";
import { after, before, describe, it } from "mocha";
import { administrator } from "./customers.ts";
import { createRandom } from "./random.ts";
import { type EndState, play, type ScriptedShop } from "./scripted-shop.ts";
import { createEmptyDatabases, type EmptyDatabases } from "./shop.ts";
import { openStage } from "./stage.ts";
import { type Assortment, createAssortment, startWorkload } from "./workload.ts";

/** Two cups. */
const total = 1_000;

const allBack = { available: 10, held: 0, sold: 0, ledger: 0 };
const neverPaid = { captured: 0, refunded: 0, payment: "VOIDED", provider: [] };
const paidBack = { captured: total, refunded: total, payment: "CAPTURED", provider: [total, -total] };

const place = ({ call, cup, ada, newRequestId }: ScriptedShop, paymentToken = "tok_visa") =>
  call(
    OrderService.method.createOrder,
    { lines: [{ product: cup, quantity: 2 }], paymentToken, requestId: newRequestId() },
    ada,
  );
const cancel = ({ call, ada }: ScriptedShop, { name }: { name: string }) =>
  call(OrderService.method.cancelOrder, { name }, ada);
const refund = ({ call }: ScriptedShop, { name }: { name: string }, requestId: string) =>
  call(
    PaymentService.method.refundPayment,
    { name: name.replace("orders/", "payments/"), reason: "broken", requestId },
    administrator,
  );

describe("messages in disorder", function () {
  this.timeout(120_000);
  let empty: EmptyDatabases;

  before(async () => {
    empty = await createEmptyDatabases();
  });
  after(() => empty?.close());

  it("have one effect each, though every one comes up to 5 times, shuffled among 100, to two processes at once", async () => {
    const stage = openStage({ seed: "disorder", empty });
    const { world, shop, customers, promises, judge } = stage;
    const random = createRandom("disorder");
    try {
      for (const service of shop.services) service.start();
      let assortment: Assortment | undefined;
      customers.begin(2_000, "opening", async () => {
        assortment = await createAssortment(customers, random);
      });
      await stage.runUntil(() => customers.busyCount === 0);
      assert.ok(assortment);
      Object.assign(shop.broker.faults, { duplicate: 1, window: 100 });
      shop.network.faults.latencyMs = 20;
      const before = { ...shop.broker.taken };
      startWorkload({ customers, promises, random, assortment, checkouts: 60 });
      await stage.runUntil(() => customers.busyCount === 0);
      await stage.settle();
      assert.deepEqual(world.violations, [], world.tail(60).join("\n"));
      const { messages, copies } = shop.broker.taken;
      assert.equal(judge.effectCount, messages);
      const average = (copies - before.copies) / (messages - before.messages);
      assert.ok(average > 2.5, `${copies} copies of ${messages} messages`);
    } finally {
      stage.close();
    }
  });

  const ends = async (expected: EndState, script: (shop: ScriptedShop) => Promise<void>) =>
    assert.deepEqual(await play(empty, script), expected);

  it("release before hold: stock that was given back first is never held", () =>
    ends({ order: "CANCELLED REQUESTED", stock: "RELEASED", ...neverPaid, ...allBack }, async (shop) => {
      shop.broker.hold("product-svc.events", ["OrderPlaced"]);
      await cancel(shop, await place(shop));
      await shop.until("product-svc", "SELECT 1 FROM reservations WHERE state = 'RELEASED'");
      shop.broker.hold("product-svc.events", []);
    }));

  it("hold after all has ended: a late request for stock finds the order closed", () =>
    ends({ order: "CANCELLED DEADLINE_EXCEEDED", stock: "RELEASED", ...neverPaid, ...allBack }, async (shop) => {
      shop.broker.hold("product-svc.events", ["OrderPlaced"]);
      await place(shop);
      await shop.until("order-svc", "SELECT 1 FROM orders WHERE state = 'CANCELLED' AND payment_state = 'VOIDED'");
      shop.broker.hold("product-svc.events", []);
    }));

  it("capture after cancel: what the provider captures for a cancelled order goes back", () =>
    ends({ order: "CANCELLED REQUESTED", stock: "RELEASED", ...paidBack, ...allBack }, async (shop) => {
      const order = await place(shop, "tok_delay_3000");
      await shop.until("payment-svc", "SELECT 1 FROM payments WHERE attempts = 1");
      await cancel(shop, order);
    }));

  it("news of the capture after cancel: the order knows of the money that came and went", () =>
    ends({ order: "CANCELLED REQUESTED", stock: "RELEASED", ...paidBack, ...allBack }, async (shop) => {
      shop.broker.hold("order-svc.events", ["PaymentCaptured"]);
      const order = await place(shop);
      await shop.until("payment-svc", "SELECT 1 FROM payments WHERE state = 'CAPTURED'");
      await cancel(shop, order);
      await shop.until("order-svc", "SELECT 1 FROM orders WHERE refunded_minor > 0");
      shop.broker.hold("order-svc.events", []);
    }));

  it("void against capture: an order that payment-svc heard of as cancelled first is never paid", () =>
    ends({ order: "CANCELLED REQUESTED", stock: "RELEASED", ...neverPaid, ...allBack }, async (shop) => {
      shop.broker.hold("payment-svc.events", ["OrderReadyForPayment"]);
      const order = await place(shop);
      await shop.until("order-svc", "SELECT 1 FROM orders WHERE state = 'AWAITING_PAYMENT'");
      await cancel(shop, order);
      await shop.until("payment-svc", "SELECT 1 FROM payments WHERE state = 'VOIDED'");
      shop.broker.hold("payment-svc.events", []);
    }));

  it("timeout against the answer about stock: the order stays cancelled, and what was held goes back", () =>
    ends({ order: "CANCELLED DEADLINE_EXCEEDED", stock: "RELEASED", ...neverPaid, ...allBack }, async (shop) => {
      shop.broker.hold("order-svc.events", ["StockReserved"]);
      await place(shop);
      await shop.until("order-svc", "SELECT 1 FROM orders WHERE state = 'CANCELLED' AND stock_state = 'RELEASED'");
      shop.broker.hold("order-svc.events", []);
    }));

  it("timeout against the answer about money: the order stays cancelled, and what was captured goes back", () =>
    ends({ order: "CANCELLED DEADLINE_EXCEEDED", stock: "RELEASED", ...paidBack, ...allBack }, async (shop) => {
      shop.broker.hold("order-svc.events", ["PaymentCaptured"]);
      await place(shop);
      await shop.until("order-svc", "SELECT 1 FROM orders WHERE state = 'CANCELLED' AND payment_state = 'REFUNDED'");
      shop.broker.hold("order-svc.events", []);
    }));

  it("refund twice: of two requests for all of it one is accepted, and its money goes back once", () => {
    const sold = { stock: "SOLD", available: 8, held: 0, sold: 2, ledger: 0 };
    return ends({ order: "CONFIRMED", ...sold, ...paidBack }, async (shop) => {
      const order = await place(shop, "tok_refund_timeout");
      await shop.until("order-svc", "SELECT 1 FROM orders WHERE state = 'CONFIRMED' AND stock_state = 'SOLD'");
      const [one, other] = [shop.newRequestId(), shop.newRequestId()];
      const asked = [one, other, one, other].map((requestId) => refund(shop, order, requestId));
      const answers = await Promise.allSettled(asked);
      const refused = answers.filter((answer) => answer.status === "rejected").map(({ reason }) => reason);
      assert.equal(refused.length, 2);
      for (const error of refused) assert.ok(error instanceof DomainError && error.reason === "REFUND_TOO_LARGE");
    });
  });

  it("refund against cancellation: both ask for the money, and it goes back once", () =>
    ends({ order: "CANCELLED REQUESTED", stock: "RELEASED", ...paidBack, ...allBack }, async (shop) => {
      const order = await place(shop, "tok_refund_lost");
      await shop.until("order-svc", "SELECT 1 FROM orders WHERE state = 'CONFIRMED'");
      shop.broker.faults.duplicate = 1;
      await Promise.all([refund(shop, order, shop.newRequestId()), cancel(shop, order)]);
    }));
});
