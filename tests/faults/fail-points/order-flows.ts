import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { eventually } from "@quartet/chassis/testing/eventually";
import { type OrderJson, patient, shopClient } from "../../e2e/shop-client.ts";
import type { FaultShop } from "../fault-shop.ts";

/** Something that customers and administrators do, and how it has to end whatever dies meanwhile. */
export type Flow = (shop: FaultShop) => Promise<void>;

const patienceMs = 60_000;
/** Longer than a service needs to start again and cancel what waits. */
const slowToken = "tok_delay_12000";

/** Places an order twice under one key, which must be one order. */
async function place({ ada, cup }: FaultShop, token: string, more: readonly string[] = []): Promise<OrderJson> {
  const key = { "idempotency-key": randomUUID() };
  const lines = [cup, ...more].map((product) => ({ product, quantity: 1 }));
  const order = await ada.order(lines, token, key);
  const again = await ada.order(lines, token, key);
  assert.equal(again.name, order.name, "a repeated request made another order");
  return order;
}

async function ends({ ada }: FaultShop, order: OrderJson, state: string, reason = "UNSPECIFIED"): Promise<OrderJson> {
  const settled = await ada.settles(order);
  const ending = [settled.state, settled.cancelReason];
  assert.deepEqual(ending, [`STATE_${state}`, `CANCEL_REASON_${reason}`], JSON.stringify(settled));
  return settled;
}

const isPastPending = async ({ ada }: FaultShop, order: OrderJson) =>
  (await ada.get(`/v1/${order.name}`)).body.state !== "STATE_PENDING";

/** An order that is paid and sold. */
export const settled: Flow = async (shop) => {
  await ends(shop, await place(shop, "tok_visa"), "CONFIRMED");
};

/** An order whose payment is declined. */
export const declined: Flow = async (shop) => {
  await ends(shop, await place(shop, "tok_declined"), "CANCELLED", "PAYMENT_DECLINED");
};

/** An order of something that is not there. */
export const outOfStock: Flow = async (shop) => {
  await ends(shop, await place(shop, "tok_visa", [shop.soldOut]), "CANCELLED", "OUT_OF_STOCK");
};

/** Orders that are cancelled at once, while they wait for their payment, and when they are confirmed. */
export const cancelled: Flow = async (shop) => {
  const cancel = async (order: OrderJson) => {
    const first = await shop.ada.cancel(order);
    const again = await shop.ada.cancel(order);
    assert.deepEqual([first.state, again.state], ["STATE_CANCELLED", "STATE_CANCELLED"]);
    return ends(shop, order, "CANCELLED", "REQUESTED");
  };
  const atOnce = async () => cancel(await place(shop, "tok_visa"));
  const waiting = async () => {
    const order = await place(shop, "tok_delay_1500");
    await eventually("the order waits for its payment", () => isPastPending(shop, order), patienceMs);
    await cancel(order);
  };
  const confirmed = async () => {
    const order = await place(shop, "tok_visa");
    await ends(shop, order, "CONFIRMED");
    const { captured, refunded } = await cancel(order);
    assert.deepEqual(refunded, captured);
  };
  await Promise.all([atOnce(), waiting(), confirmed()]);
};

/** An order of which an administrator gives a part back, twice under one key. */
export const refunded: Flow = async (shop) => {
  const order = await place(shop, "tok_visa");
  await ends(shop, order, "CONFIRMED");
  const key = { "idempotency-key": randomUUID() };
  const path = `/v1/${order.name.replace("orders", "payments")}:refund`;
  const refund = () =>
    shop.admin.call("POST", path, { amount: { currency: "EUR", minorUnits: "300" }, reason: "scratched" }, key);
  for (const { status, body } of [await refund(), await refund()]) assert.equal(status, 200, JSON.stringify(body));
  const isTold = async () => (await shop.ada.get(`/v1/${order.name}`)).body.refunded?.minorUnits === "300";
  await eventually("the order knows its refund", isTold, patienceMs);
};

/** An order whose payment nobody answers, where order-svc has a short STEP_DEADLINE_MS and payment-svc does not die. */
export const expired: Flow = async (shop) => {
  const { system, ada } = shop;
  await system.stack.stop("payment-svc");
  try {
    await ada.reaches(await place(shop, "tok_visa"), "CANCELLED");
  } finally {
    system.stack.start("payment-svc");
  }
  const [newest] = (await ada.get("/v1/orders?pageSize=1")).body.orders;
  await ends(shop, newest, "CANCELLED", "DEADLINE_EXCEEDED");
};

/** A customer who deletes the account while an order is open. */
export const userDeleted: Flow = async (shop) => {
  const eve = patient(await newCustomerOf(shop));
  const order = await place({ ...shop, ada: eve }, slowToken);
  const { status, body } = await eve.call("DELETE", "/v1/users/me");
  // A repeated call finds the account gone.
  assert.ok(status === 200 || status === 404, JSON.stringify(body));
  const seen = () => shop.admin.get(`/v1/${order.name}`);
  const isCancelled = async () => (await seen()).body.state === "STATE_CANCELLED";
  await eventually("the open order is cancelled", isCancelled, patienceMs);
  assert.equal((await seen()).body.cancelReason, "CANCEL_REASON_USER_DELETED");
  await shop.admin.settles(order);
};

/** Signs somebody up through a gateway whose user-svc may be dying. */
async function newCustomerOf({ system: { gateway } }: FaultShop) {
  const anyone = patient(shopClient(gateway));
  const account = { email: `${randomUUID()}@example.org`, password: "correct horse battery staple" };
  const key = { "idempotency-key": randomUUID() };
  const created = await anyone.call("POST", "/v1/users", { ...account, displayName: "Eve" }, key);
  assert.equal(created.status, 200, JSON.stringify(created.body));
  const session = await anyone.call("POST", "/v1/sessions", account);
  return shopClient(gateway, session.body.accessToken);
}
