import assert from "node:assert/strict";
import { DomainError } from "@quartet/chassis/domain-error";
import { fixedClock, sequentialIds } from "@quartet/chassis/testing/clock";
import { checkModel, modelTimeMaxMs, type Reached } from "@quartet/chassis/testing/model-runs";
import fc from "fast-check";
import { describe, it } from "mocha";
import { createMoments } from "../moment.ts";
import { aClaim, aMessage, aProduct, aRequest } from "../testing/builders.ts";
import { openTestStore, type TestStore } from "../testing/open-store.ts";
import { type CancelOrdersOfDeletedUsers, createCancelOrdersOfDeletedUsers } from "./cancel-orders-of-deleted-users.ts";
import { type CreateOrder, createCreateOrder } from "./create-order.ts";
import { createGatherPrices } from "./gather-prices.ts";

/** A request that was begun, and what came of it: the id of an order, or the reason why not. */
interface Begun {
  readonly userId: string;
  readonly requestId: string;
  readonly hash: string;
  readonly wasDeleted: boolean;
  readonly answer: Promise<{ readonly orderId: string } | { readonly reason: string }>;
}

interface Model {
  readonly begun: Begun[];
  readonly deleted: Set<string>;
}

interface Real extends TestStore {
  readonly createOrder: CreateOrder;
  readonly sweepDeleted: CancelOrdersOfDeletedUsers;
  readonly scheduler: fc.Scheduler;
}

const users = ["ada", "bob"];

const requests = fc
  .record({
    userId: fc.constantFrom(...users),
    requestId: fc.constantFrom("1", "2", "3"),
    quantity: fc.constantFrom(1, 1, 1, 2),
  })
  .map(({ userId, requestId, quantity }): fc.AsyncCommand<Model, Real, true> => {
    const hash = String(quantity);
    const request = aRequest({ userId, lines: [{ productId: "cup", quantity }] });
    return {
      check: async () => true,
      toString: () => `begin to place ${quantity} for ${userId} as ${requestId}`,
      // Nobody waits for the answer: it goes on while others come.
      async run(model, { createOrder }) {
        const claim = { ...aClaim(requestId, hash), caller: `users/${userId}` };
        const answer = createOrder(request, claim).then(
          ({ id }) => ({ orderId: id }),
          (error) => {
            if (error instanceof DomainError) return { reason: error.reason };
            throw error;
          },
        );
        model.begun.push({ userId, requestId, hash, wasDeleted: model.deleted.has(userId), answer });
      },
    };
  });

const deletions = fc.constantFrom(...users).map(
  (userId): fc.AsyncCommand<Model, Real, true> => ({
    check: async () => true,
    toString: () => `delete ${userId}`,
    async run(model, { deletedUsers }) {
      await deletedUsers.record(userId, aMessage(`${userId} gone`));
      model.deleted.add(userId);
    },
  }),
);

const sweeps = fc.constant<fc.AsyncCommand<Model, Real, true>>({
  check: async () => true,
  toString: () => "orders of deleted users are looked for",
  run: async (_model, { sweepDeleted }) => void (await sweepDeleted()),
});

async function open(scheduler: fc.Scheduler) {
  const clock = fixedClock();
  const store = await openTestStore(clock);
  const newId = sequentialIds();
  const moment = createMoments({ now: clock.now, newId });
  // Whatever is known of prices is too old: each request asks, and the answer comes when the scheduler says.
  const catalogue = {
    fetch: () => scheduler.schedule(Promise.resolve({ kind: "found" as const, products: [aProduct()] }), "prices"),
  };
  const gatherPrices = createGatherPrices({ ...store, catalogue, now: clock.now, priceMaxAgeMs: -1 });
  const real: Real = {
    ...store,
    scheduler,
    createOrder: createCreateOrder({ ...store, gatherPrices, moment, newId }),
    sweepDeleted: createCancelOrdersOfDeletedUsers({ ...store, moment }),
  };
  const model: Model = { begun: [], deleted: new Set() };
  return { model, real, close: () => store.close() };
}

const atRestOf =
  (reached: Reached) =>
  async (model: Model, real: Real): Promise<void> => {
    const answers = Promise.all(model.begun.map(async (begun) => ({ ...begun, said: await begun.answer })));
    const answered = await real.scheduler.waitFor(answers);
    while ((await real.sweepDeleted()) > 0);

    const placed = new Map<string, { readonly orderId: string; readonly hash: string }>();
    for (const { userId, requestId, hash, said } of answered) {
      if (!("orderId" in said)) continue;
      const key = `${userId} ${requestId}`;
      if (placed.has(key)) reached("one request, two calls");
      const first = placed.get(key) ?? { orderId: said.orderId, hash };
      placed.set(key, first);
      assert.deepEqual({ orderId: said.orderId, hash }, first, "one request is one order");
    }
    const orderIds = [...placed.values()].map(({ orderId }) => orderId);
    assert.equal(new Set(orderIds).size, orderIds.length, "two requests are two orders");
    for (const { userId, requestId, hash, wasDeleted, said } of answered) {
      if ("orderId" in said) continue;
      const other = placed.get(`${userId} ${requestId}`);
      if (said.reason === "REQUEST_ID_REUSED") assert.notEqual(other?.hash ?? hash, hash);
      else assert.ok(said.reason === "USER_DELETED" && model.deleted.has(userId), said.reason);
      if (said.reason === "USER_DELETED" && !wasDeleted) reached("user deleted while prices were asked");
    }

    const orders = real.database.sqlite
      .prepare<[], { id: string; user: string; state: string }>("SELECT id, user_id AS user, state FROM orders")
      .all();
    assert.deepEqual(orders.map(({ id }) => id).sort(), orderIds.sort(), "every order was answered with");
    for (const { user, state } of orders) assert.equal(state, model.deleted.has(user) ? "CANCELLED" : "PENDING");
    const placements = (await real.published()).filter((type) => type === "shop.order.v1.OrderPlaced");
    assert.equal(placements.length, orders.length);
  };

describe("createOrder, against a model of it", function () {
  this.timeout(modelTimeMaxMs());

  it("places one order for each request, whatever happens while prices are asked", async () => {
    await checkModel((reached) => ({
      file: "order-svc/src/app/create-order.model.test.ts",
      commands: [requests, requests, requests, requests, deletions, sweeps],
      open,
      atRest: atRestOf(reached),
      wanted: ["one request, two calls", "user deleted while prices were asked"],
      isInterleaved: true,
    }));
  });
});
