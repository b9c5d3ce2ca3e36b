import assert from "node:assert/strict";
import { fixedClock, sequentialIds } from "@quartet/chassis/testing/clock";
import { afterEach, beforeEach, describe, it } from "mocha";
import { createMoments } from "../moment.ts";
import { aMessage, aPlacement } from "../testing/builders.ts";
import { openTestStore, type TestStore } from "../testing/open-store.ts";
import { type CancelOrder, createCancelOrder } from "./cancel-order.ts";
import { createRecordFacts, type RecordFacts } from "./record-facts.ts";

const cancelWindowMs = 1000;

describe("cancelOrder", () => {
  let clock: ReturnType<typeof fixedClock>;
  let store: TestStore;
  let cancelOrder: CancelOrder;
  let recordFacts: RecordFacts;
  beforeEach(async () => {
    clock = fixedClock();
    store = await openTestStore(clock);
    const moment = createMoments({ now: clock.now, newId: sequentialIds() });
    cancelOrder = createCancelOrder({ ...store, moment, cancelWindowMs });
    recordFacts = createRecordFacts({ ...store, moment });
    await store.orders.place("ada", undefined, () => aPlacement());
  });
  afterEach(() => store.close());

  const byAda = (ownerUserId: string) => ownerUserId === "ada";
  const confirm = async () => {
    await recordFacts.stock("o1", { state: "RESERVED", version: 1 }, aMessage("m1"));
    const amount = { currency: "EUR", minorUnits: 2598 };
    await recordFacts.payment("o1", { state: "CAPTURED", version: 2, amount }, aMessage("m2"));
  };

  it("cancels an open order and tells the others", async () => {
    const order = await cancelOrder("o1", byAda);
    assert.deepEqual([order.state, order.cancelReason], ["CANCELLED", "REQUESTED"]);
    assert.deepEqual(await store.published(), ["shop.order.v1.OrderPlaced", "shop.order.v1.OrderCancelled"]);
    const [, entry] = await store.queries.timeline({ orderId: "o1", afterSequence: 0, limit: 10 });
    assert.equal(entry?.cause.type, "shop.order.v1.OrderCancelled");
    assert.match(entry?.traceId ?? "", /^[0-9a-f]{32}$/);
  });

  it("returns a cancelled order as it is and tells nobody again", async () => {
    const cancelled = await cancelOrder("o1", byAda);
    assert.equal((await cancelOrder("o1", byAda)).version, cancelled.version);
    assert.equal((await store.published()).length, 2);
  });

  it("cancels a confirmed order in time and refuses it later", async () => {
    await confirm();
    clock.advance(cancelWindowMs + 1);
    await assert.rejects(cancelOrder("o1", byAda), { kind: "failed_precondition", reason: "CANCEL_WINDOW_CLOSED" });
    clock.advance(-1);
    assert.equal((await cancelOrder("o1", byAda)).state, "CANCELLED");
  });

  it("answers a stranger as if there were no such order", async () => {
    const reasonOf = (orderId: string) =>
      cancelOrder(orderId, (owner) => owner === "eve").then(
        () => assert.fail("cancelled"),
        (error) => JSON.stringify(error).replaceAll(orderId, "x"),
      );
    assert.equal(await reasonOf("o1"), await reasonOf("ghost"));
    assert.equal((await store.queries.get("o1"))?.state, "PENDING");
  });
});

describe("recordFacts", () => {
  it("refuses news of an order that does not exist, so that they are parked", async () => {
    const clock = fixedClock();
    const store = await openTestStore(clock);
    const moment = createMoments({ now: clock.now, newId: sequentialIds() });
    const news = { state: "RESERVED", version: 1 } as const;
    await assert.rejects(createRecordFacts({ ...store, moment }).stock("ghost", news, aMessage("m1")), {
      kind: "not_found",
      reason: "ORDER_NOT_FOUND",
    });
    await store.close();
  });
});
