import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "mocha";
import { assertBooksAgree } from "../../tools/audit/assert-books-agree.ts";
import { logIn, newCustomer, newProduct, type ShopClient, shopClient } from "./shop-client.ts";
import type { System } from "./system.ts";

/** The system under test, with a customer and a product of which there is enough. */
export interface OpenShop<S extends System = System> {
  readonly system: S;
  readonly ada: ShopClient;
  readonly cup: string;
}

/**
 * What a customer and an administrator can rely on, through the gateway, on a whole system. `more` may add cases that use
 * the same system; its books are compared after the last.
 */
export function describeCheckout<S extends System>(
  where: string,
  open: () => Promise<S>,
  more: (shop: () => OpenShop<S>) => void = () => {},
): void {
  describe(`the shop on ${where}`, function () {
    // Images may have to be built first.
    this.timeout(900_000);
    let system: S;
    let admin: ShopClient;
    let ada: ShopClient;
    let cup: string;

    before(async () => {
      system = await open();
      admin = await logIn(system.gateway, system.admin);
      ada = await newCustomer(system.gateway);
      cup = await newProduct(admin);
    });
    after(async () => {
      await system?.close();
    });

    const causes = async (order: { name: string }): Promise<string[]> => {
      const { body } = await ada.get(`/v1/${order.name}/events`);
      return body.orderEvents.map((event: { cause: string }) => event.cause.split(".").at(-1));
    };
    const available = async (product: string) => (await ada.get(`/v1/${product}`)).body.availableQuantity;

    it("settles an order and sells its stock", async () => {
      const before = await available(cup);
      const order = await ada.order([{ product: cup, quantity: 2 }]);
      assert.equal(order.state, "STATE_PENDING");
      assert.deepEqual(order.total, { currency: "EUR", minorUnits: "2598" });
      const settled = await ada.settles(order);
      assert.equal(settled.state, "STATE_CONFIRMED");
      assert.equal(settled.captured?.minorUnits, "2598");
      assert.equal(await available(cup), before - 2);
      assert.deepEqual(await causes(order), ["OrderPlaced", "StockReserved", "PaymentCaptured", "StockSold"]);
      const { body: payment } = await ada.get(`/v1/${order.name.replace("orders", "payments")}`);
      assert.deepEqual([payment.state, payment.amount.minorUnits], ["STATE_CAPTURED", "2598"]);
    });

    it("goes through AWAITING_PAYMENT on the way", async () => {
      const order = await ada.order([{ product: cup, quantity: 1 }], "tok_delay_4000");
      await ada.reaches(order, "AWAITING_PAYMENT");
      assert.equal((await ada.settles(order)).state, "STATE_CONFIRMED");
    });

    it("cancels an order that is out of stock, and holds nothing of it", async () => {
      const rare = await newProduct(admin, { initialQuantity: 1 });
      const before = await available(cup);
      const order = await ada.order([
        { product: cup, quantity: 1 },
        { product: rare, quantity: 2 },
      ]);
      const settled = await ada.settles(order);
      assert.deepEqual([settled.state, settled.cancelReason], ["STATE_CANCELLED", "CANCEL_REASON_OUT_OF_STOCK"]);
      assert.deepEqual([await available(cup), await available(rare)], [before, 1]);
    });

    it("cancels an order whose payment is declined, and gives its stock back", async () => {
      const before = await available(cup);
      const settled = await ada.settles(await ada.order([{ product: cup, quantity: 1 }], "tok_declined"));
      assert.deepEqual([settled.state, settled.cancelReason], ["STATE_CANCELLED", "CANCEL_REASON_PAYMENT_DECLINED"]);
      assert.equal(await available(cup), before);
    });

    it("cancels an order that waits for its payment, and returns what was captured meanwhile", async () => {
      const order = await ada.order([{ product: cup, quantity: 1 }], "tok_delay_4000");
      await ada.reaches(order, "AWAITING_PAYMENT");
      assert.equal((await ada.cancel(order)).state, "STATE_CANCELLED");
      const settled = await ada.settles(order);
      assert.equal(settled.cancelReason, "CANCEL_REASON_REQUESTED");
      assert.equal(settled.captured?.minorUnits, settled.refunded?.minorUnits);
    });

    it("cancels a confirmed order and refunds it", async () => {
      const before = await available(cup);
      const order = await ada.order([{ product: cup, quantity: 3 }]);
      await ada.settles(order);
      assert.equal((await ada.cancel(order)).state, "STATE_CANCELLED");
      const settled = await ada.settles(order);
      assert.deepEqual([settled.paymentState, settled.refunded?.minorUnits], ["PAYMENT_STATE_REFUNDED", "3897"]);
      assert.equal(await available(cup), before);
    });

    it("returns a cancelled order as it is when it is cancelled again", async () => {
      const order = await ada.order([{ product: cup, quantity: 1 }], "tok_declined");
      const settled = await ada.settles(order);
      assert.deepEqual(await ada.cancel(order), settled);
    });

    it("places one order for one idempotency key, and refuses the key for another order", async () => {
      const key = { "idempotency-key": randomUUID() };
      const place = (quantity: number) =>
        ada.call("POST", "/v1/orders", { lines: [{ product: cup, quantity }], paymentToken: "tok_visa" }, key);
      const [first, second] = await Promise.all([place(1), place(1)]);
      assert.equal(first.status, 200);
      assert.equal(second.body.name, first.body.name);
      const other = await place(2);
      assert.equal(other.status, 409);
      assert.equal(other.body.details[0].reason, "REQUEST_ID_REUSED");
    });

    it("refuses an order whose total is not the one that was shown", async () => {
      const { status, body } = await ada.call("POST", "/v1/orders", {
        lines: [{ product: cup, quantity: 1 }],
        paymentToken: "tok_visa",
        expectedTotal: { currency: "EUR", minorUnits: "1" },
      });
      assert.deepEqual([status, body.code, body.details[0].reason], [400, 9, "TOTAL_MISMATCH"]);
    });

    it("shows an order to its owner and to nobody else", async () => {
      const order = await ada.order([{ product: cup, quantity: 1 }]);
      const eve = await newCustomer(system.gateway);
      const stranger = await eve.get(`/v1/${order.name}`);
      const missing = await eve.get(`/v1/orders/${randomUUID()}`);
      assert.deepEqual([stranger.status, missing.status], [404, 404]);
      assert.equal(stranger.body.details[0].reason, missing.body.details[0].reason);
      assert.equal((await eve.call("POST", `/v1/${order.name}:cancel`, {})).status, 404);
      assert.equal((await shopClient(system.gateway).get(`/v1/${order.name}`)).status, 401);
      assert.equal((await admin.get(`/v1/${order.name}`)).status, 200);
      assert.deepEqual((await eve.get("/v1/orders")).body.orders, []);
    });

    it("lists the caller's own orders and payments, newest first, in pages", async () => {
      const bob = await newCustomer(system.gateway);
      const names: string[] = [];
      for (let count = 0; count < 3; count++) {
        const order = await bob.order([{ product: cup, quantity: 1 }]);
        names.unshift(order.name);
        await bob.settles(order);
      }
      for (const list of ["orders", "payments"]) {
        const first = (await bob.get(`/v1/${list}?pageSize=2`)).body;
        const second = (await bob.get(`/v1/${list}?pageSize=2&pageToken=${first.nextPageToken}`)).body;
        const found = [...first[list], ...second[list]].map(({ name }) => name.replace(list, "orders"));
        assert.deepEqual(found, names);
        assert.equal(second.nextPageToken, "");
      }
    });

    more(() => ({ system, ada, cup }));

    it("ends with stock, orders, payments and ledger in agreement", () => assertBooksAgree(system));
  });
}
