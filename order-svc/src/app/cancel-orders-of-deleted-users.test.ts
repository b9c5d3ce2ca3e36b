import assert from "node:assert/strict";
import { fixedClock, sequentialIds } from "@quartet/chassis/testing/clock";
import { afterEach, beforeEach, describe, it } from "mocha";
import { createMoments } from "../moment.ts";
import { aMessage, aPlacement } from "../testing/builders.ts";
import { openTestStore, type TestStore } from "../testing/open-store.ts";
import { createCancelOrder } from "./cancel-order.ts";
import {
  type CancelOrdersOfDeletedUsers,
  createCancelOrdersOfDeletedUsers,
  userDeletedType,
} from "./cancel-orders-of-deleted-users.ts";
import { createRecordFacts } from "./record-facts.ts";
import { createRecordUserDeleted, type RecordUserDeleted } from "./record-user-deleted.ts";

describe("cancelOrdersOfDeletedUsers", () => {
  let store: TestStore;
  let moment: ReturnType<typeof createMoments>;
  let recordUserDeleted: RecordUserDeleted;
  let cancelOrders: CancelOrdersOfDeletedUsers;
  let wakes: number;
  beforeEach(async () => {
    const clock = fixedClock();
    store = await openTestStore(clock);
    moment = createMoments({ now: clock.now, newId: sequentialIds() });
    wakes = 0;
    recordUserDeleted = createRecordUserDeleted({ ...store, onRecorded: () => void wakes++ });
    cancelOrders = createCancelOrdersOfDeletedUsers({ ...store, moment });
  });
  afterEach(() => store.close());

  const place = (id: string, userId = "ada") => store.orders.place(userId, undefined, () => aPlacement(id, { userId }));
  const deleteAda = () => recordUserDeleted("ada", aMessage("deletion"));
  const stateOf = async (id: string) => {
    const order = await store.queries.get(id);
    return [order?.state, order?.cancelReason];
  };
  const untilNothingIsLeft = async () => {
    let batches = 0;
    while ((await cancelOrders()) > 0) batches++;
    return batches;
  };

  it("cancels the open orders of a deleted user, by the event that said so, and tells the others", async () => {
    await place("o1");
    await place("o2");
    await createRecordFacts({ ...store, moment }).stock("o2", { state: "RESERVED", version: 1 }, aMessage("m1"));
    await deleteAda();
    assert.equal(wakes, 1);
    await untilNothingIsLeft();
    for (const id of ["o1", "o2"]) {
      assert.deepEqual(await stateOf(id), ["CANCELLED", "USER_DELETED"]);
      const timeline = await store.queries.timeline({ orderId: id, afterSequence: 0, limit: 10 });
      assert.deepEqual(timeline.at(-1)?.cause, { type: userDeletedType, eventId: "deletion" });
    }
    const cancellations = (await store.published()).filter((type) => type === "shop.order.v1.OrderCancelled");
    assert.equal(cancellations.length, 2);
    assert.equal(await cancelOrders(), 0);
  });

  it("leaves confirmed orders, cancelled ones, and those of others as they are", async () => {
    await place("o1");
    const facts = createRecordFacts({ ...store, moment });
    const amount = { currency: "EUR", minorUnits: 2598 };
    await facts.stock("o1", { state: "RESERVED", version: 1 }, aMessage("m1"));
    await facts.payment("o1", { state: "CAPTURED", version: 2, amount }, aMessage("m2"));
    await place("o2");
    await createCancelOrder({ ...store, moment, cancelWindowMs: 0 })("o2", () => true);
    await place("o3", "bob");
    const published = await store.published();
    await deleteAda();
    await untilNothingIsLeft();
    assert.deepEqual(await stateOf("o1"), ["CONFIRMED", undefined]);
    assert.deepEqual(await stateOf("o2"), ["CANCELLED", "REQUESTED"]);
    assert.deepEqual(await stateOf("o3"), ["PENDING", undefined]);
    assert.deepEqual(await store.published(), published);
  });

  it("works in bounded batches", async () => {
    for (let count = 0; count < 250; count++) await place(`o${count}`);
    await deleteAda();
    assert.equal(await cancelOrders(), 100);
    // What is left when the process dies here, the next one finds.
    assert.equal(await untilNothingIsLeft(), 3);
    const left = await store.queries.list({ userId: "ada", state: "PENDING", afterId: undefined, limit: 1 });
    assert.deepEqual(left, []);
  });

  it("finds the rest again after a batch was interrupted anywhere", async () => {
    for (const id of ["o1", "o2", "o3"]) await place(id);
    await deleteAda();
    // Dies in the middle of cancelling, and then before it has finished the user.
    const update: typeof store.orders.update = async (orderId, decide) => {
      if (orderId === "o2") throw new Error("killed");
      return store.orders.update(orderId, decide);
    };
    const dying = createCancelOrdersOfDeletedUsers({ ...store, orders: { update }, moment });
    await assert.rejects(dying(), /killed/);
    assert.deepEqual(await stateOf("o2"), ["PENDING", undefined]);
    const finish = async () => assert.fail("killed");
    const dyingLater = createCancelOrdersOfDeletedUsers({
      ...store,
      deletedUsers: { ...store.deletedUsers, finish },
      moment,
    });
    while ((await stateOf("o2"))[0] === "PENDING") await dyingLater();
    await assert.rejects(dyingLater(), /killed/);

    assert.equal(await cancelOrders(), 1);
    assert.equal(await cancelOrders(), 0);
    for (const id of ["o1", "o2", "o3"]) {
      assert.deepEqual(await stateOf(id), ["CANCELLED", "USER_DELETED"]);
      assert.equal((await store.queries.timeline({ orderId: id, afterSequence: 0, limit: 10 })).length, 2);
    }
  });

  it("takes the same message once", async () => {
    await deleteAda();
    await untilNothingIsLeft();
    await deleteAda();
    assert.equal(await cancelOrders(), 0);
  });
});
