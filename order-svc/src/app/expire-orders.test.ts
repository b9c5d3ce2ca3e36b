import assert from "node:assert/strict";
import { fixedClock, sequentialIds } from "@quartet/chassis/testing/clock";
import { afterEach, beforeEach, describe, it } from "mocha";
import { recordStock } from "../domain/record-stock.ts";
import { createMoments } from "../moment.ts";
import { aMessage, aMoment, aPendingOrder, aPlacement, aStockFact } from "../testing/builders.ts";
import { openTestStore, type TestStore } from "../testing/open-store.ts";
import { createExpireOrders, type ExpireOrders } from "./expire-orders.ts";

const stepDeadlineMs = 900_000;

describe("expireOrders", () => {
  let clock: ReturnType<typeof fixedClock>;
  let store: TestStore;
  let expireOrders: ExpireOrders;
  let contactSince: number | undefined;
  beforeEach(async () => {
    clock = fixedClock();
    store = await openTestStore(clock);
    const moment = createMoments({ now: clock.now, newId: sequentialIds() });
    contactSince = clock.now();
    const contact = { since: () => contactSince };
    expireOrders = createExpireOrders({ ...store, contact, moment, now: clock.now, stepDeadlineMs });
    await store.orders.place("ada", undefined, () => aPlacement());
  });
  afterEach(() => store.close());

  const order = async () => (await store.queries.get("o1")) ?? assert.fail("the order is gone");
  const confirmStep = async () => store.confirmPublished((await order()).step?.eventId ?? "", clock.now());

  it("cancels an order when its step has taken too long since its event was published", async () => {
    clock.advance(60_000);
    await confirmStep();
    clock.advance(stepDeadlineMs - 1);
    assert.equal(await expireOrders(), 0);
    clock.advance(1);
    assert.equal(await expireOrders(), 1);
    assert.deepEqual([(await order()).state, (await order()).cancelReason], ["CANCELLED", "DEADLINE_EXCEEDED"]);
    assert.deepEqual(await store.published(), ["shop.order.v1.OrderPlaced", "shop.order.v1.OrderCancelled"]);
    assert.equal(await expireOrders(), 0);
  });

  it("cancels nothing in whose time no answer could come", async () => {
    await confirmStep();
    clock.advance(stepDeadlineMs - 1);
    contactSince = undefined;
    clock.advance(10 * stepDeadlineMs);
    assert.equal(await expireOrders(), 0);
    contactSince = clock.now();
    clock.advance(stepDeadlineMs - 1);
    assert.equal(await expireOrders(), 0);
    clock.advance(1);
    assert.equal(await expireOrders(), 1);
  });

  it("cancels an order whose time a clock that was then set back put far into the future", async () => {
    clock.advance(1_000);
    await confirmStep();
    for (const backMs of [1_000, stepDeadlineMs]) {
      clock.advance(-backMs);
      contactSince = clock.now() - stepDeadlineMs;
      assert.equal(await expireOrders(), 0);
    }
    clock.advance(-stepDeadlineMs);
    contactSince = clock.now() - stepDeadlineMs + 1;
    assert.equal(await expireOrders(), 0);
    contactSince -= 1;
    assert.equal(await expireOrders(), 1);
    assert.equal((await order()).state, "CANCELLED");
  });

  it("cancels nothing whose event the broker has not taken", async () => {
    clock.advance(100 * stepDeadlineMs);
    assert.equal(await expireOrders(), 0);
    assert.equal((await order()).state, "PENDING");
  });

  it("gives each step the whole time", async () => {
    await confirmStep();
    clock.advance(stepDeadlineMs - 1);
    await store.orders.record("o1", aMessage("m1"), (found) =>
      recordStock(found ?? aPendingOrder(), aStockFact("RESERVED", 1), aMoment(stepDeadlineMs - 1)),
    );
    await confirmStep();
    clock.advance(stepDeadlineMs - 1);
    assert.equal(await expireOrders(), 0);
    clock.advance(1);
    assert.equal(await expireOrders(), 1);
  });
});
