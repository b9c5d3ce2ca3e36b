import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "mocha";
import type { DeletedUsers, OrderQueries, OrderStore } from "../app/ports.ts";
import { cancelOrder } from "../domain/cancel-order.ts";
import { type Order, type OrderState, type Transition, unchanged } from "../domain/order.ts";
import { recordPayment } from "../domain/record-payment.ts";
import { recordStock } from "../domain/record-stock.ts";
import { aCapture, aClaim, aMessage, aMoment, aPlacement, aStockFact } from "../testing/builders.ts";

/** One implementation of the ports over a fresh database. */
export interface OpenStore {
  readonly orders: OrderStore;
  readonly queries: OrderQueries;
  readonly deletedUsers: DeletedUsers;
  /** Full type names of the events in the outbox, in their order. */
  published(): Promise<readonly string[]>;
  /** Marks an event as confirmed by the broker. */
  confirmPublished(eventId: string, time: number): Promise<void>;
  close(): Promise<void>;
}

/** What every implementation of OrderStore and OrderQueries does. */
export function describeOrderStore(name: string, open: () => Promise<OpenStore>): void {
  describe(`the order store on ${name}`, () => {
    let store: OpenStore;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());

    const place = (id = "o1") => store.orders.place("ada", undefined, () => aPlacement(id));
    const known = (order: Order | undefined): Order => order ?? assert.fail("the order is not there");
    const reserve = (order: Order | undefined) => recordStock(known(order), aStockFact("RESERVED", 1), aMoment());
    const capture = (order: Order | undefined) => recordPayment(known(order), aCapture(2), aMoment());
    const timeline = async (orderId = "o1") => store.queries.timeline({ orderId, afterSequence: 0, limit: 100 });

    it("saves an order, the first entry of its timeline and its event together", async () => {
      const placement = aPlacement();
      const order = await store.orders.place("ada", undefined, () => placement);
      assert.deepEqual(order, placement.next);
      assert.deepEqual({ ...(await store.queries.get("o1")) }, withoutGaps(placement.next));
      assert.deepEqual(await timeline(), [placement.entry]);
      assert.deepEqual(await store.published(), ["shop.order.v1.OrderPlaced"]);
    });

    it("saves nothing when the decision throws", async () => {
      const refuse = (): Transition => assert.fail("refused");
      await assert.rejects(store.orders.place("ada", undefined, refuse), /refused/);
      await place();
      await assert.rejects(store.orders.update("o1", refuse), /refused/);
      await assert.rejects(store.orders.record("o1", aMessage("m1"), refuse), /refused/);
      assert.equal((await timeline()).length, 1);
      assert.equal((await store.published()).length, 1);
    });

    it("lets a message be handled again after its decision threw", async () => {
      await place();
      await assert.rejects(store.orders.record("o1", aMessage("m1"), () => assert.fail("not now")));
      await store.orders.record("o1", aMessage("m1"), reserve);
      assert.equal((await store.queries.get("o1"))?.state, "AWAITING_PAYMENT");
    });

    it("takes an order through all of its states and keeps what it knows", async () => {
      await place();
      await store.orders.record("o1", aMessage("m1"), reserve);
      await store.orders.record("o1", aMessage("m2"), capture);
      const cancelled = await store.orders.update("o1", (order) => cancelOrder(known(order), 1000, aMoment()));
      assert.deepEqual(await store.queries.get("o1"), withoutGaps(cancelled));
      assert.deepEqual([cancelled.state, cancelled.version, cancelled.capturedMinor], ["CANCELLED", 4, 2598]);
      assert.equal(cancelled.paymentToken, undefined);
      assert.deepEqual(
        (await timeline()).map(({ sequence, state }) => [sequence, state]),
        [
          [1, "PENDING"],
          [2, "AWAITING_PAYMENT"],
          [3, "CONFIRMED"],
          [4, "CANCELLED"],
        ],
      );
      assert.deepEqual(await store.published(), [
        "shop.order.v1.OrderPlaced",
        "shop.order.v1.OrderReadyForPayment",
        "shop.order.v1.OrderConfirmed",
        "shop.order.v1.OrderCancelled",
      ]);
    });

    it("returns an order that a decision leaves as it is", async () => {
      const placed = await place();
      const order = await store.orders.update("o1", (found) => unchanged(known(found)));
      assert.deepEqual(order, withoutGaps(placed));
      assert.equal((await timeline()).length, 1);
    });

    it("handles a message once", async () => {
      await place();
      assert.equal(await store.orders.record("o1", aMessage("m1"), reserve), "done");
      assert.equal(await store.orders.record("o1", aMessage("m1"), () => assert.fail("decided again")), "duplicate");
      assert.equal((await timeline()).length, 2);
    });

    it("hands an order that is not there to the decision", async () => {
      let seen: unknown = "nothing";
      const look = (order: Order | undefined): Transition => {
        seen = order;
        throw new Error("looked");
      };
      await assert.rejects(store.orders.update("ghost", look), /looked/);
      assert.equal(seen, undefined);
    });

    describe("for a request", () => {
      it("places one order and returns it as it is now", async () => {
        await store.orders.place("ada", aClaim("r1"), () => aPlacement("o1"));
        await store.orders.record("o1", aMessage("m1"), reserve);
        const repeated = await store.orders.place("ada", aClaim("r1"), () => aPlacement("o2"));
        assert.deepEqual([repeated.id, repeated.state], ["o1", "AWAITING_PAYMENT"]);
        assert.equal(await store.queries.get("o2"), undefined);
        assert.equal((await store.published()).length, 2);
      });

      it("places one order when it comes twice at once", async () => {
        const [first, second] = await Promise.all([
          store.orders.place("ada", aClaim("r1"), () => aPlacement("o1")),
          store.orders.place("ada", aClaim("r1"), () => aPlacement("o2")),
        ]);
        assert.equal(first.id, second.id);
      });

      it("refuses other content under the same id", async () => {
        await store.orders.place("ada", aClaim("r1"), () => aPlacement("o1"));
        const reused = { kind: "already_exists", reason: "REQUEST_ID_REUSED" };
        await assert.rejects(
          store.orders.place("ada", aClaim("r1", "other"), () => aPlacement("o2")),
          reused,
        );
        await assert.rejects(store.orders.findPlaced("ada", aClaim("r1", "other")), reused);
      });

      it("finds the order it placed, and none for another user or id", async () => {
        await store.orders.place("ada", aClaim("r1"), () => aPlacement("o1"));
        assert.equal((await store.orders.findPlaced("ada", aClaim("r1")))?.id, "o1");
        assert.equal(await store.orders.findPlaced("bob", aClaim("r1")), undefined);
        assert.equal(await store.orders.findPlaced("ada", aClaim("r2")), undefined);
      });
    });

    describe("looking for overdue orders", () => {
      const until = (before: number) => ({ before, after: Number.POSITIVE_INFINITY });

      it("finds an order once the event of its step was confirmed that long ago", async () => {
        const placed = await place();
        const stepEventId = placed.step?.eventId ?? "";
        const sentTime = placed.createTime + 500;
        await store.confirmPublished(stepEventId, sentTime);
        assert.deepEqual(await store.orders.overdue(until(sentTime - 1), 10), []);
        assert.deepEqual(await store.orders.overdue(until(sentTime), 10), [{ orderId: "o1", stepEventId }]);
      });

      it("finds an order whose event was emitted and confirmed in what is the future by now", async () => {
        const placed = await place();
        const [stepEventId, stepTime] = [placed.step?.eventId ?? "", placed.createTime];
        await store.confirmPublished(stepEventId, stepTime + 500);
        const sent = (after: number) => ({ before: 0, after });
        assert.deepEqual(await store.orders.overdue(sent(stepTime), 10), []);
        assert.deepEqual(await store.orders.overdue(sent(stepTime - 1), 10), [{ orderId: "o1", stepEventId }]);
        // The clock was set back in between.
        await store.confirmPublished(stepEventId, stepTime - 700);
        assert.deepEqual(await store.orders.overdue(sent(stepTime - 1), 10), []);
        assert.equal((await store.orders.overdue({ before: stepTime - 700, after: stepTime - 1 }, 10)).length, 1);
      });

      it("never finds an order whose event was not confirmed", async () => {
        const placed = await place();
        assert.deepEqual(await store.orders.overdue(until(placed.createTime + 1e9), 10), []);
      });

      it("counts anew from the next step's event", async () => {
        const placed = await place();
        await store.confirmPublished(placed.step?.eventId ?? "", placed.createTime);
        await store.orders.record("o1", aMessage("m1"), reserve);
        assert.deepEqual(await store.orders.overdue(until(placed.createTime + 1e9), 10), []);
      });

      it("finds no order that is final", async () => {
        const placed = await place();
        await store.confirmPublished(placed.step?.eventId ?? "", placed.createTime);
        await store.orders.update("o1", (order) => cancelOrder(known(order), 1000, aMoment()));
        assert.deepEqual(await store.orders.overdue(until(placed.createTime + 1e9), 10), []);
      });

      it("finds no more than asked for", async () => {
        for (const id of ["o1", "o2", "o3"]) {
          const placed = await place(id);
          await store.confirmPublished(placed.step?.eventId ?? "", placed.createTime);
        }
        assert.equal((await store.orders.overdue(until(aMoment(1e9).time), 2)).length, 2);
      });
    });

    describe("about deleted users", () => {
      const bob = { userId: "bob" };
      const placed = (id: string, userId = "ada") =>
        store.orders.place(userId, undefined, () => aPlacement(id, { userId }));
      const cancel = (id: string) => store.orders.update(id, (order) => cancelOrder(known(order), 1000, aMoment()));

      it("tells the decision about a new order whether its user is deleted", async () => {
        const told: boolean[] = [];
        const decide = (isUserDeleted: boolean) => {
          told.push(isUserDeleted);
          return aPlacement(`o${told.length}`);
        };
        await store.orders.place("ada", undefined, decide);
        await store.deletedUsers.record("ada", aMessage("m1"));
        await store.orders.place("ada", undefined, decide);
        await store.orders.place("bob", undefined, () => aPlacement("o3", bob));
        assert.deepEqual(told, [false, true]);
      });

      it("lets no order in between when both are written at once", async () => {
        const told: boolean[] = [];
        await Promise.all([
          store.deletedUsers.record("ada", aMessage("m1")),
          store.orders.place("ada", undefined, (isUserDeleted) => {
            told.push(isUserDeleted);
            return aPlacement();
          }),
        ]);
        assert.deepEqual(told, [true]);
      });

      it("decides nothing about a request that placed an order before its user was deleted", async () => {
        await store.orders.place("ada", aClaim("r1"), () => aPlacement("o1"));
        await store.deletedUsers.record("ada", aMessage("m1"));
        const repeated = await store.orders.place("ada", aClaim("r1"), () => assert.fail("decided again"));
        assert.equal(repeated.id, "o1");
      });

      it("finds their open orders, by the event that said so, and no others", async () => {
        await placed("o1");
        await placed("o2");
        await store.orders.record("o2", aMessage("m1"), reserve);
        await placed("o3");
        await cancel("o3");
        await placed("o4", "bob");
        await store.deletedUsers.record("ada", aMessage("deletion"));
        const { orders, userIds } = await store.deletedUsers.unfinished(10);
        assert.deepEqual(
          orders.toSorted((one, other) => one.orderId.localeCompare(other.orderId)),
          [
            { orderId: "o1", eventId: "deletion" },
            { orderId: "o2", eventId: "deletion" },
          ],
        );
        assert.deepEqual(userIds, []);
        assert.equal((await store.deletedUsers.unfinished(1)).orders.length, 1);
      });

      it("finds a user without open orders until they are finished", async () => {
        await placed("o1");
        await store.deletedUsers.record("ada", aMessage("m1"));
        await store.deletedUsers.record("bob", aMessage("m2"));
        assert.deepEqual((await store.deletedUsers.unfinished(10)).userIds, ["bob"]);
        await cancel("o1");
        assert.deepEqual(await store.deletedUsers.unfinished(10), { orders: [], userIds: ["ada", "bob"] });
        await store.deletedUsers.finish(["ada", "bob"]);
        assert.deepEqual(await store.deletedUsers.unfinished(10), { orders: [], userIds: [] });
      });

      it("keeps the first message about a user, and knows it for ever", async () => {
        await store.deletedUsers.record("ada", aMessage("m1"));
        await store.deletedUsers.finish(["ada"]);
        await store.deletedUsers.record("ada", aMessage("m1"));
        await store.deletedUsers.record("ada", aMessage("m2"));
        assert.deepEqual(await store.deletedUsers.unfinished(10), { orders: [], userIds: [] });
      });
    });

    it("lists orders page by page, newest first, of one user, in one state, both or all", async () => {
      for (const id of ["o1", "o3", "o5"]) await place(id);
      for (const id of ["o2", "o4"]) {
        await store.orders.place("bob", undefined, () => aPlacement(id, { userId: "bob" }));
      }
      for (const id of ["o1", "o4"]) await store.orders.update(id, (order) => cancelOrder(known(order), 0, aMoment()));
      const list = async (filter: { userId?: string; state?: OrderState }) => {
        const ids: string[] = [];
        for (;;) {
          const page = await store.queries.list({ ...filter, afterId: ids.at(-1), limit: 2 });
          if (page.length === 0) return ids.join(" ");
          ids.push(...page.map((order) => order.id));
        }
      };
      assert.equal(await list({}), "o5 o4 o3 o2 o1");
      assert.equal(await list({ userId: "ada" }), "o5 o3 o1");
      assert.equal(await list({ state: "PENDING" }), "o5 o3 o2");
      assert.equal(await list({ userId: "ada", state: "CANCELLED" }), "o1");
      assert.equal(await list({ userId: "ada", state: "CONFIRMED" }), "");
    });

    it("reads an order and the rest of its timeline together", async () => {
      await place();
      await store.orders.record("o1", aMessage("m1"), reserve);
      await store.orders.record("o1", aMessage("m2"), capture);
      const { order, entries } = await store.queries.progress({ orderId: "o1", afterSequence: 1, limit: 1 });
      assert.deepEqual(order, await store.queries.get("o1"));
      assert.deepEqual(
        entries.map((entry) => entry.sequence),
        [2],
      );
      const none = await store.queries.progress({ orderId: "ghost", afterSequence: 0, limit: 1 });
      assert.deepEqual(none, { order: undefined, entries: [] });
    });

    it("knows how far the timelines of several orders have come", async () => {
      await place("o1");
      await place("o2");
      await store.orders.record("o2", aMessage("m1"), reserve);
      const lasts = await store.queries.lastSequences(["o1", "o2", "ghost"]);
      assert.deepEqual(Object.fromEntries(lasts), { o1: 1, o2: 2 });
      assert.equal((await store.queries.lastSequences([])).size, 0);
    });

    it("lists a user's orders page by page, newest first, with their lines", async () => {
      for (const id of ["o1", "o2", "o3"]) await place(id);
      await store.orders.place("bob", undefined, () => aPlacement("o4", { userId: "bob" }));
      const list = async (afterId?: string) =>
        (await store.queries.list({ userId: "ada", afterId, limit: 2 })).map((order) => [order.id, order.lines.length]);
      assert.deepEqual(await list(), [
        ["o3", 1],
        ["o2", 1],
      ]);
      assert.deepEqual(await list("o2"), [["o1", 1]]);
      assert.deepEqual(await list("o1"), []);
    });

    it("reads a timeline piece by piece", async () => {
      await place();
      await store.orders.record("o1", aMessage("m1"), reserve);
      await store.orders.record("o1", aMessage("m2"), capture);
      const rest = await store.queries.timeline({ orderId: "o1", afterSequence: 1, limit: 1 });
      assert.deepEqual(
        rest.map((entry) => entry.sequence),
        [2],
      );
    });
  });
}

/** A value as it comes back from storage: what is not there is undefined. */
function withoutGaps(order: Order): Order {
  return {
    cancelReason: undefined,
    stockState: undefined,
    paymentState: undefined,
    paymentToken: undefined,
    step: undefined,
    confirmTime: undefined,
    ...order,
  };
}
