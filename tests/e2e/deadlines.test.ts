import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { assertBooksAgree } from "../../tools/audit/assert-books-agree.ts";
import { waitUntil } from "../../tools/stack/ready.ts";
import { type NativeSystem, startNativeSystem } from "./native-system.ts";
import { logIn, newCustomer, newProduct, type ShopClient } from "./shop-client.ts";

/** Longer than services need to find a broker that is back, as the deadline begins when it has the event. */
const stepDeadlineMs = 12_000;
/** Until the deadline would have passed and been noticed. */
const outageMs = stepDeadlineMs + 2_500;

describe("the deadline of a step", function () {
  this.timeout(120_000);
  let system: NativeSystem;
  let ada: ShopClient;
  let cup: string;

  before(async () => {
    system = await startNativeSystem({ serviceEnv: { "order-svc": { STEP_DEADLINE_MS: String(stepDeadlineMs) } } });
    const admin = await logIn(system.gateway, system.admin);
    ada = await newCustomer(system.gateway);
    cup = await newProduct(admin);
    await ada.settles(await ada.order([{ product: cup, quantity: 1 }]));
  });
  after(async () => {
    await system?.close();
  });

  /** Asserts that an order waits for longer than its deadline. */
  async function staysPending({ name }: { name: string }): Promise<void> {
    const end = Date.now() + outageMs;
    const isOver = async () => {
      assert.equal((await ada.get(`/v1/${name}`)).body.state, "STATE_PENDING");
      return Date.now() > end;
    };
    assert.ok(await waitUntil(isOver, 2 * outageMs));
  }

  it("cancels nothing while the broker is down, however long that is", async () => {
    await system.stop("rabbitmq");
    const placed = await ada.order([{ product: cup, quantity: 1 }]);
    await staysPending(placed);
    await system.start("rabbitmq");
    assert.equal((await ada.settles(placed)).state, "STATE_CONFIRMED");
  });

  it("cancels nothing whose answer could not be heard in its time", async () => {
    await system.stop("product-svc");
    const placed = await ada.order([{ product: cup, quantity: 1 }]);
    const isSent = async () => {
      const [row] = await system.query<{ unsent: number }>(
        "order-svc",
        "SELECT count(*) AS unsent FROM outbox WHERE sent_time IS NULL",
      );
      return row?.unsent === 0;
    };
    assert.ok(await waitUntil(isSent, outageMs));
    // The deadline has begun, and nobody can answer.
    await system.stop("rabbitmq");
    await system.start("product-svc");
    await staysPending(placed);
    await system.start("rabbitmq");
    assert.equal((await ada.settles(placed)).state, "STATE_CONFIRMED");
  });

  it("cancels an order whose payment nobody answers, and gives its stock back", async () => {
    const before = (await ada.get(`/v1/${cup}`)).body.availableQuantity;
    await system.stop("payment-svc");
    const placed = await ada.order([{ product: cup, quantity: 1 }]);
    await ada.reaches(placed, "AWAITING_PAYMENT");
    await ada.reaches(placed, "CANCELLED");
    await system.start("payment-svc");
    const settled = await ada.settles(placed);
    assert.equal(settled.cancelReason, "CANCEL_REASON_DEADLINE_EXCEEDED");
    // It depends on whether payment-svc hears of the end before its provider has answered.
    assert.match(settled.paymentState, /^PAYMENT_STATE_(VOIDED|REFUNDED)$/);
    assert.equal((await ada.get(`/v1/${cup}`)).body.availableQuantity, before);
  });

  it("leaves stock, orders, payments and ledger in agreement", () => assertBooksAgree(system));
});
