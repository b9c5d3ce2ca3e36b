import assert from "node:assert/strict";
import { fixedClock, sequentialIds } from "@quartet/chassis/testing/clock";
import { afterEach, beforeEach, describe, it } from "mocha";
import { recordStock } from "../domain/record-stock.ts";
import { aMessage, aMoment, aPendingOrder, aPlacement, aStockFact } from "../testing/builders.ts";
import { openTestStore, type TestStore } from "../testing/open-store.ts";
import { createDeadlineSweeper } from "./deadline-sweeper.ts";
import { createExpireOrders, type ExpireOrders } from "./expire-orders.ts";
import { createMoments } from "./moment.ts";

const stepDeadlineMs = 900_000;

describe("expireOrders", () => {
  let clock: ReturnType<typeof fixedClock>;
  let store: TestStore;
  let expireOrders: ExpireOrders;
  beforeEach(async () => {
    clock = fixedClock();
    store = await openTestStore(clock);
    const moment = createMoments({ now: clock.now, newId: sequentialIds() });
    expireOrders = createExpireOrders({ ...store, moment, now: clock.now, stepDeadlineMs });
    await store.orders.place(undefined, () => aPlacement());
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

  it("cancels nothing while the broker is away", async () => {
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

describe("the deadline sweeper", () => {
  const log = { info: () => {}, error: () => {} };

  it("sweeps again and again, also after a failure, until it is stopped", async () => {
    let calls = 0;
    const swept = Promise.withResolvers<void>();
    const sweeper = createDeadlineSweeper({
      expireOrders: async () => {
        calls += 1;
        if (calls === 1) throw new Error("busy");
        if (calls === 3) swept.resolve();
        return 0;
      },
      log,
      intervalMs: 1,
    });
    sweeper.start();
    await swept.promise;
    await sweeper.stop();
    const atStop = calls;
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(calls, atStop);
  });

  it("waits at its stop for the sweep under way", async () => {
    const started = Promise.withResolvers<void>();
    const release = Promise.withResolvers<number>();
    const sweeper = createDeadlineSweeper({
      expireOrders: () => {
        started.resolve();
        return release.promise;
      },
      log,
      intervalMs: 1,
    });
    sweeper.start();
    await started.promise;
    let stopped = false;
    const stopping = sweeper.stop().then(() => {
      stopped = true;
    });
    await Promise.resolve();
    assert.equal(stopped, false);
    release.resolve(0);
    await stopping;
  });
});
