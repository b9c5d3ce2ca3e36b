import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "mocha";
import { assertBooksAgree } from "../../tools/audit/assert-books-agree.ts";
import { type NativeSystem, startNativeSystem } from "./native-system.ts";
import { logIn, newCustomer, newProduct, password, patient, type ShopClient, shopClient } from "./shop-client.ts";
import type { PartName } from "./system.ts";

/** 504 is what a call gets whose time is up while the gateway still tries. */
const assertAway = (status: number) => assert.ok([503, 504].includes(status), `${status}`);

describe("the shop while a part is down", function () {
  this.timeout(180_000);
  let system: NativeSystem;
  let ada: ShopClient & { email: string };
  let cup: string;

  before(async () => {
    // Every order asks product-svc for its prices, so that none is accepted only because a price is young.
    system = await startNativeSystem({ serviceEnv: { "order-svc": { PRICE_MAX_AGE_MS: "0" } } });
    const admin = await logIn(system.gateway, system.admin);
    ada = await newCustomer(system.gateway);
    cup = await newProduct(admin);
    assert.equal((await ada.settles(await order())).state, "STATE_CONFIRMED");
  });
  after(async () => {
    await system?.close();
  });

  const order = () => ada.order([{ product: cup, quantity: 1 }]);
  const statusOf = async (path: string) => (await ada.get(path)).status;
  const without = async (parts: readonly PartName[], work: () => Promise<void>) => {
    await Promise.all(parts.map((part) => system.stop(part)));
    try {
      await work();
    } finally {
      await Promise.all(parts.map((part) => system.start(part)));
    }
  };
  const settlesConfirmed = async (placed: { name: string }) =>
    assert.equal((await ada.settles(placed)).state, "STATE_CONFIRMED");

  it("accepts orders at the last known prices while product-svc is down, and settles them when it is back", async () => {
    let placed = { name: "" };
    await without(["product-svc"], async () => {
      const accepted = await order();
      placed = accepted;
      assert.deepEqual([accepted.state, accepted.total.minorUnits], ["STATE_PENDING", "1299"]);
      assert.equal(await statusOf(`/v1/${placed.name}`), 200);
      assertAway(await statusOf("/v1/products"));
    });
    await settlesConfirmed(placed);
  });

  it("says that a price is not known when product-svc is down and it has never heard of the product", async () => {
    await without(["product-svc"], async () => {
      const lines = [{ product: `products/${randomUUID()}`, quantity: 1 }];
      const { status, body } = await ada.call("POST", "/v1/orders", { lines, paymentToken: "tok_visa" });
      assert.deepEqual([status, body.code, body.details[0].reason], [503, 14, "PRICES_UNAVAILABLE"]);
    });
  });

  it("accepts orders while payment-svc is down, reserves their stock, and settles them when it is back", async () => {
    let placed = { name: "" };
    await without(["payment-svc"], async () => {
      placed = await order();
      const waiting = await ada.reaches(placed, "AWAITING_PAYMENT");
      assert.equal(waiting.stockState, "STOCK_STATE_RESERVED");
      assertAway(await statusOf("/v1/payments"));
    });
    await settlesConfirmed(placed);
  });

  it("cancels an order while payment-svc is down, which keeps no money when it is back", async () => {
    let placed = { name: "" };
    await without(["payment-svc"], async () => {
      placed = await order();
      assert.equal((await ada.cancel(placed)).state, "STATE_CANCELLED");
    });
    // It depends on whether payment-svc hears of the end before its provider has answered.
    assert.match((await ada.settles(placed)).paymentState, /^PAYMENT_STATE_(VOIDED|REFUNDED)$/);
  });

  it("serves customers who are logged in while user-svc is down, from order to refund", async () => {
    const login = { email: ada.email, password };
    await without(["user-svc"], async () => {
      const placed = await order();
      await settlesConfirmed(placed);
      for (const path of ["/v1/orders", "/v1/payments", "/v1/products", `/v1/${placed.name}/events`]) {
        assert.equal(await statusOf(path), 200, path);
      }
      await ada.cancel(placed);
      assert.equal((await ada.settles(placed)).paymentState, "PAYMENT_STATE_REFUNDED");
      assertAway((await shopClient(system.gateway).call("POST", "/v1/sessions", login)).status);
    });
    await logIn(system.gateway, login);
  });

  it("accepts and cancels orders while the broker is down, and settles them when it is back", async () => {
    let kept = { name: "" };
    let cancelled = { name: "" };
    await without(["rabbitmq"], async () => {
      kept = await order();
      cancelled = await order();
      assert.equal((await ada.cancel(cancelled)).state, "STATE_CANCELLED");
      assert.equal((await ada.get(`/v1/${kept.name}`)).body.state, "STATE_PENDING");
    });
    await settlesConfirmed(kept);
    assert.equal((await ada.settles(cancelled)).cancelReason, "CANCEL_REASON_REQUESTED");
  });

  it("serves customers who are logged in when every other part restarts while user-svc is down", async () => {
    await without(["user-svc"], async () => {
      await without(["order-svc", "product-svc", "payment-svc", "envoy"], async () => {});
      await settlesConfirmed(await order());
    });
  });

  it("accepts orders when order-svc and the gateway start while everything else is down", async () => {
    let placed = { name: "" };
    await without(["product-svc", "payment-svc", "user-svc", "rabbitmq"], async () => {
      await system.stop("order-svc");
      await system.stop("envoy");
      system.stack.start("order-svc");
      system.stack.start("envoy");
      placed = await patient(ada).order([{ product: cup, quantity: 1 }]);
    });
    assert.equal((await patient(ada).settles(placed)).state, "STATE_CONFIRMED");
  });

  it("ends with stock, orders, payments and ledger in agreement", () => assertBooksAgree(system));
});
