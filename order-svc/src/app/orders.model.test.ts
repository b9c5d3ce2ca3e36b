import assert from "node:assert/strict";
import type { IncomingMessage } from "@quartet/chassis/storage/messages";
import { fixedClock, sequentialIds } from "@quartet/chassis/testing/clock";
import { checkModel, modelTimeMaxMs, type Reached } from "@quartet/chassis/testing/model-runs";
import { type Act, forgetting, inOneTurn, type Outcome, succeeds } from "@quartet/chassis/testing/model-turn";
import fc from "fast-check";
import { describe, it } from "mocha";
import type { CancelReason, Money, Order, OrderState } from "../domain/order.ts";
import { createMoments } from "../moment.ts";
import { aClaim, aMessage, aProduct, aRequest } from "../testing/builders.ts";
import { createNeighbours, type EventName, type Fact, type Neighbours } from "../testing/model-neighbours.ts";
import { openTestStore, type TestStore } from "../testing/open-store.ts";
import { type CancelOrder, createCancelOrder } from "./cancel-order.ts";
import {
  type CancelOrdersOfDeletedUsers,
  createCancelOrdersOfDeletedUsers,
  userDeletedType,
} from "./cancel-orders-of-deleted-users.ts";
import { type CreateOrder, createCreateOrder } from "./create-order.ts";
import { createExpireOrders, type ExpireOrders } from "./expire-orders.ts";
import { createGatherPrices } from "./gather-prices.ts";
import { createRecordFacts, type RecordFacts } from "./record-facts.ts";

const [stepDeadlineMs, cancelWindowMs] = [900_000, 1_000];

/** What must be true of an order. */
interface Expected {
  readonly id: string;
  readonly userId: string;
  readonly total: Money;
  state: OrderState;
  reason: CancelReason | undefined;
  /** The facts that were heard, each once. What is known of stock and money follows from them. */
  readonly heard: Set<string>;
  /** What moved it, a type for each entry of the timeline. */
  readonly causes: string[];
  /** Its events, with the version at which each was told: each at most once. */
  readonly told: Map<EventName, number>;
  readonly neighbours: Neighbours;
  /** When the broker confirmed the event whose answer it waits for. */
  stepSentTime: number | undefined;
  confirmTime: number | undefined;
}

interface Model {
  readonly orders: Expected[];
  /** What a user's request id stands for, for ever. */
  readonly requests: Map<string, { readonly hash: string; readonly orderId: string }>;
  readonly deleted: Set<string>;
  readonly now: () => number;
}

interface Real extends TestStore {
  readonly now: () => number;
  readonly advance: (milliseconds: number) => void;
  readonly createOrder: CreateOrder;
  readonly cancelOrder: CancelOrder;
  readonly recordFacts: RecordFacts;
  readonly expireOrders: ExpireOrders;
  readonly sweepDeleted: CancelOrdersOfDeletedUsers;
}

const isOpen = ({ state }: Expected) => state === "PENDING" || state === "AWAITING_PAYMENT";

function enter(order: Expected, state: OrderState, name: EventName): void {
  order.state = state;
  order.told.set(name, order.causes.length);
  order.stepSentTime = undefined;
}

function cancel(order: Expected, reason: CancelReason, cause = "shop.order.v1.OrderCancelled"): void {
  order.causes.push(cause);
  order.reason = reason;
  enter(order, "CANCELLED", "OrderCancelled");
}

const newest = (facts: readonly Fact[], about: Fact["about"]) =>
  facts.filter((fact) => fact.about === about).toSorted((one, other) => other.version - one.version)[0];

const heardBy = ({ heard, neighbours }: Expected) => neighbours.facts.filter(({ id }) => heard.has(id));

const refundedIn = (facts: readonly Fact[]) =>
  facts.reduce((most, fact) => Math.max(most, fact.state === "REFUNDED" ? fact.refunded.minorUnits : 0), 0);

const isCaptured = (facts: readonly Fact[]) => facts.some(({ state }) => state === "CAPTURED" || state === "REFUNDED");

/** What a fact makes of an order, the first time it is heard. */
function hear(order: Expected, fact: Fact, now: number): void {
  if (order.heard.has(fact.id)) return;
  order.heard.add(fact.id);
  order.causes.push(typeOf(fact));
  if (!isOpen(order)) return;
  const facts = heardBy(order);
  const [stock, money] = [newest(facts, "stock"), newest(facts, "money")];
  const end = (reason: CancelReason) => {
    order.reason = reason;
    enter(order, "CANCELLED", "OrderCancelled");
  };
  if (stock?.state === "REJECTED" || stock?.state === "RELEASED") end("OUT_OF_STOCK");
  else if (money?.state === "DECLINED" || money?.state === "VOIDED") end("PAYMENT_DECLINED");
  else if (stock !== undefined && isCaptured(facts)) {
    enter(order, "CONFIRMED", "OrderConfirmed");
    order.confirmTime = now;
  } else if (stock !== undefined && order.state === "PENDING") {
    enter(order, "AWAITING_PAYMENT", "OrderReadyForPayment");
  }
}

function typeOf({ about, state }: Fact): string {
  const word = state.charAt(0) + state.slice(1).toLowerCase();
  return about === "stock" ? `shop.product.v1.Stock${word}` : `shop.payment.v1.Payment${word}`;
}

function deliver(real: Real, orderId: string, fact: Fact, redelivered: boolean): Promise<unknown> {
  const message: IncomingMessage = aMessage(fact.id, { type: typeOf(fact), redelivered });
  return fact.about === "stock"
    ? real.recordFacts.stock(orderId, fact, message)
    : real.recordFacts.payment(orderId, fact, message);
}

const pick = fc.constantFrom(...Array.from({ length: 12 }).keys());
const pickedOrder = ({ orders }: Model, index: number) => orders[index % Math.max(orders.length, 1)];

/** A request to place an order of cups. */
function place(
  asked: { userId: string; requestId: string; quantity: number; isTotalWrong: boolean },
  reached: Reached,
) {
  const { userId, requestId, quantity, isTotalWrong } = asked;
  const key = `${userId} ${requestId}`;
  const hash = `${quantity} ${isTotalWrong}`;
  const total = { currency: "EUR", minorUnits: 1299 * quantity };
  const expectedTotal = isTotalWrong ? { currency: "EUR", minorUnits: 1 } : undefined;
  const request = aRequest({ userId, lines: [{ productId: "cup", quantity }], expectedTotal });
  const placed = (model: Model, id: string) => {
    assert.ok(!model.orders.some((order) => order.id === id), "a new order");
    model.requests.set(key, { hash, orderId: id });
    const told = new Map<EventName, number>([["OrderPlaced", 1]]);
    model.orders.push({
      ...{ id, userId, total, state: "PENDING", reason: undefined, heard: new Set(), told },
      ...{ causes: ["shop.order.v1.OrderPlaced"], stepSentTime: undefined, confirmTime: undefined },
      neighbours: createNeighbours(id, total, told),
    });
  };
  const expected = (model: Model): Outcome => {
    const earlier = model.requests.get(key);
    if (earlier !== undefined) {
      if (earlier.hash !== hash) return { refused: "REQUEST_ID_REUSED" };
      reached("order placed twice");
      return { succeeds: ({ id }: Order) => assert.equal(id, earlier.orderId) };
    }
    if (model.deleted.has(userId)) {
      reached("order of a deleted user");
      return { refused: "USER_DELETED" };
    }
    if (isTotalWrong) return { refused: "TOTAL_MISMATCH" };
    return { succeeds: ({ id }: Order) => placed(model, id) };
  };
  return {
    name: `place ${quantity} for ${userId} as ${requestId}${isTotalWrong ? " at a wrong total" : ""}`,
    placed,
    on: (model: Model) => ({
      start: ({ createOrder }: Pick<Real, "createOrder">) =>
        createOrder(request, { ...aClaim(requestId, hash), caller: `users/${userId}` }),
      expect: () => expected(model),
    }),
  };
}

const placements = (reached: Reached): fc.Arbitrary<Act<Model, Real>> =>
  fc
    .record({
      userId: fc.constantFrom("ada", "bob"),
      requestId: fc.constantFrom("1", "2", "3"),
      quantity: fc.constantFrom(1, 1, 1, 2),
      isTotalWrong: fc.nat({ max: 9 }).map((n) => n === 9),
    })
    .map((asked) => place(asked, reached));

function acts(reached: Reached): fc.Arbitrary<Act<Model, Real>> {
  const cancels = fc
    .record({ index: pick, isOwner: fc.nat({ max: 5 }).map((n) => n > 0) })
    .map(({ index, isOwner }) => ({
      name: `cancel ${index}${isOwner ? "" : " by a stranger"}`,
      on: (model: Model) => {
        const order = pickedOrder(model, index);
        return {
          start: ({ cancelOrder }: Real) => cancelOrder(order?.id ?? "none", () => isOwner),
          expect: (): Outcome => {
            if (order === undefined || !isOwner) return { refused: "ORDER_NOT_FOUND" };
            if (order.state === "CANCELLED") return succeeds;
            if (order.confirmTime !== undefined && model.now() > order.confirmTime + cancelWindowMs) {
              reached("cancelled too late");
              return { refused: "CANCEL_WINDOW_CLOSED" };
            }
            reached(`cancelled while ${order.state}`);
            cancel(order, "REQUESTED");
            return succeeds;
          },
        };
      },
    }));

  const hearings = fc
    .record({ index: pick, which: pick, isNew: fc.boolean(), redelivered: fc.boolean() })
    .map((input) => ({
      name: `order ${input.index} hears fact ${input.which}${input.isNew ? " of the new ones" : ""}${input.redelivered ? " again" : ""}`,
      on: (model: Model) => {
        const order = pickedOrder(model, input.index);
        const { facts } = order?.neighbours ?? { facts: [] };
        const unheard = facts.filter(({ id }) => !order?.heard.has(id));
        const those = input.isNew && unheard.length > 0 ? unheard : facts;
        const fact = those[input.which % Math.max(those.length, 1)];
        if (order === undefined || fact === undefined) return undefined;
        return {
          start: (real: Real) => deliver(real, order.id, fact, input.redelivered),
          expect: () => {
            if (order.heard.has(fact.id)) reached("fact repeated");
            else if ((newest(heardBy(order), fact.about)?.version ?? 0) > fact.version)
              reached("older fact after a newer one");
            if (order.state === "CANCELLED" && fact.state === "CAPTURED") reached("captured after it was cancelled");
            hear(order, fact, model.now());
            return succeeds;
          },
        };
      },
    }));

  const strange = fc.record({ index: pick, isKnown: fc.boolean() }).map(({ index, isKnown }) => ({
    name: `wrong amount captured for order ${isKnown ? index : "none"}`,
    on: (model: Model) => {
      const order = isKnown ? pickedOrder(model, index) : undefined;
      const amount = { currency: "EUR", minorUnits: 1 };
      const fact: Fact = { id: `wrong ${index}`, about: "money", state: "CAPTURED", version: 2, amount };
      return {
        start: (real: Real) => deliver(real, order?.id ?? "none", fact, false),
        expect: () => ({ refused: order === undefined ? "ORDER_NOT_FOUND" : "CAPTURED_AMOUNT_MISMATCH" }),
      };
    },
  }));

  const deletions = fc
    .record({ userId: fc.constantFrom("ada", "bob", "bob", "bob", "bob"), again: fc.nat({ max: 2 }) })
    .map((input) => ({
      name: `delete ${input.userId}`,
      on: (model: Model) => ({
        start: ({ deletedUsers }: Real) =>
          deletedUsers.record(input.userId, aMessage(`${input.userId} gone ${input.again}`)),
        expect: () => {
          model.deleted.add(input.userId);
          return succeeds;
        },
      }),
    }));

  const forget = forgetting<Model, Real>(["inbox", "request_claims"], () => {});

  return fc.oneof(
    { weight: 6, arbitrary: cancels },
    { weight: 20, arbitrary: hearings },
    { weight: 1, arbitrary: strange },
    { weight: 2, arbitrary: deletions },
    { weight: 1, arbitrary: forget },
  );
}

/** What happens round the orders: neighbours speak, time passes, the broker takes events, the workers of the service run. */
function happenings(reached: Reached): fc.Arbitrary<fc.AsyncCommand<Model, Real, true>>[] {
  const command = (
    name: string,
    run: (model: Model, real: Real) => Promise<void>,
  ): fc.AsyncCommand<Model, Real, true> => ({
    check: async () => true,
    toString: () => name,
    async run(model, real) {
      await run(model, real);
      await check(model, real);
    },
  });

  const neighbours = fc
    .record({
      index: pick,
      who: fc.constantFrom("stock", "stock", "money", "money", "refund"),
      isGood: fc.nat({ max: 6 }).map((n) => n > 0),
      isHeard: fc.boolean(),
    })
    .map(({ index, who, isGood, isHeard }) =>
      command(
        `${who} of ${index} speaks${isGood ? "" : " of trouble"}${isHeard ? " and is heard" : ""}`,
        async (model, real) => {
          const order = pickedOrder(model, index);
          if (order === undefined) return;
          const { neighbours: round } = order;
          const spoke = who === "refund" ? round.refund(isGood ? 100 : 1_000_000) : round[who](isGood);
          const fact = round.facts.at(-1);
          if (!spoke || !isHeard || fact === undefined) return;
          await deliver(real, order.id, fact, false);
          if (order.state === "CANCELLED" && fact.state === "CAPTURED") reached("captured after it was cancelled");
          hear(order, fact, model.now());
        },
      ),
    );
  const time = fc
    .constantFrom(500, 2_000, 2_000, stepDeadlineMs - 1, stepDeadlineMs)
    .map((milliseconds) => command(`${milliseconds} ms pass`, async (_model, real) => real.advance(milliseconds)));
  const takeAll = (model: Model, { database, now }: Real) => {
    database.sqlite.prepare("UPDATE outbox SET sent_time = ? WHERE sent_time IS NULL").run(now());
    for (const order of model.orders) if (isOpen(order)) order.stepSentTime ??= now();
  };
  const forgetSent = ({ database, now }: Real) => {
    const { changes } = database.sqlite.prepare("DELETE FROM outbox WHERE sent_time <= ?").run(now() - stepDeadlineMs);
    if (changes > 0) reached("sent events forgotten");
  };
  const expire = async (model: Model, { expireOrders, now }: Real) => {
    const overdue = model.orders.filter((order) => {
      return isOpen(order) && order.stepSentTime !== undefined && order.stepSentTime <= now() - stepDeadlineMs;
    });
    assert.equal(await expireOrders(), overdue.length, "overdue orders");
    for (const order of overdue) {
      reached(`expired while ${order.state}`);
      cancel(order, "DEADLINE_EXCEEDED");
    }
  };
  const sent = command("the broker takes all events", async (model, real) => takeAll(model, real));
  const forgotten = command("sent events are forgotten", async (_model, real) => forgetSent(real));
  const expiry = command("deadlines are looked at", expire);
  const late = fc.boolean().map((isForgotten) =>
    command(`all is sent, ${isForgotten ? "forgotten" : "kept"}, and late`, async (model, real) => {
      takeAll(model, real);
      real.advance(stepDeadlineMs);
      if (isForgotten) forgetSent(real);
      await expire(model, real);
    }),
  );
  const sweep = async (model: Model, { sweepDeleted }: Real) => {
    while ((await sweepDeleted()) > 0);
    for (const order of model.orders.filter(({ userId }) => model.deleted.has(userId))) {
      if (!isOpen(order)) continue;
      reached("cancelled with its user");
      cancel(order, "USER_DELETED", userDeletedType);
    }
  };
  const search = command("orders of deleted users are looked for", sweep);
  const departure = fc.constantFrom("ada", "bob", "bob").map((userId) =>
    command(`${userId} is deleted, and their orders are looked for`, async (model, real) => {
      await real.deletedUsers.record(userId, aMessage(`${userId} gone 0`));
      model.deleted.add(userId);
      await sweep(model, real);
    }),
  );
  const rest = fc.oneof(
    { weight: 3, arbitrary: time },
    { weight: 1, arbitrary: late },
    { weight: 1, arbitrary: departure },
    { weight: 3, arbitrary: fc.constantFrom(sent, sent, forgotten, expiry, search) },
  );
  return [neighbours, neighbours, neighbours, rest];
}

async function open() {
  const clock = fixedClock();
  const store = await openTestStore(clock);
  const newId = sequentialIds();
  const moment = createMoments({ now: clock.now, newId });
  await store.products.confirm([{ ...aProduct(), confirmTime: clock.now() }]);
  const catalogue = { fetch: async () => ({ kind: "unavailable" as const }) };
  const gatherPrices = createGatherPrices({ ...store, catalogue, now: clock.now, priceMaxAgeMs: 0 });
  const real: Real = {
    ...store,
    ...clock,
    createOrder: createCreateOrder({ ...store, gatherPrices, moment, newId }),
    cancelOrder: createCancelOrder({ ...store, moment, cancelWindowMs }),
    recordFacts: createRecordFacts({ ...store, moment }),
    expireOrders: createExpireOrders({ ...store, contact: { since: () => 0 }, moment, now: clock.now, stepDeadlineMs }),
    sweepDeleted: createCancelOrdersOfDeletedUsers({ ...store, moment }),
  };
  const model: Model = { orders: [], requests: new Map(), deleted: new Set(), now: clock.now };
  // An order that is about to be paid: most of what can happen begins there.
  const first = place({ userId: "ada", requestId: "0", quantity: 1, isTotalWrong: false }, () => {});
  first.placed(model, (await first.on(model).start(real)).id);
  const order = model.orders[0] ?? assert.fail();
  order.neighbours.stock(true);
  for (const fact of order.neighbours.facts) {
    await deliver(real, order.id, fact, false);
    hear(order, fact, clock.now());
  }
  return { model, real, close: () => store.close() };
}

async function check(model: Model, real: Real): Promise<void> {
  const { sqlite } = real.database;
  assert.equal(sqlite.prepare("SELECT count(*) FROM orders").pluck().get(), model.orders.length);
  for (const expected of model.orders) {
    const order = (await real.queries.get(expected.id)) ?? assert.fail(`${expected.id} is gone`);
    const facts = heardBy(expected);
    const refundedMinor = refundedIn(facts);
    assert.deepEqual(
      {
        ...{ state: order.state, reason: order.cancelReason, version: order.version },
        ...{ captured: order.capturedMinor, refunded: order.refundedMinor },
        ...{ stock: order.stockState, money: order.paymentState, hasToken: order.paymentToken !== undefined },
      },
      {
        ...{ state: expected.state, reason: expected.reason, version: expected.causes.length },
        ...{ captured: isCaptured(facts) ? expected.total.minorUnits : 0, refunded: refundedMinor },
        ...{ stock: newest(facts, "stock")?.state, money: newest(facts, "money")?.state, hasToken: isOpen(expected) },
      },
      expected.id,
    );
    const timeline = await real.queries.timeline({ orderId: expected.id, afterSequence: 0, limit: 1_000 });
    assert.deepEqual(
      timeline.map(({ sequence, cause }) => `${sequence} ${cause.type}`),
      expected.causes.map((cause, index) => `${index + 1} ${cause}`),
    );
    const told = sqlite
      .prepare<[string], { type: string; version: number }>(
        "SELECT type, version FROM outbox WHERE aggregate = ? ORDER BY seq",
      )
      .all(`orders/${expected.id}`)
      .map(({ type, version }) => `${version} ${type.split(".").at(-1)}`);
    const all = [...expected.told].map(([name, version]) => `${version} ${name}`);
    // Those that were sent long ago may be forgotten, the oldest first.
    assert.deepEqual(told, all.slice(all.length - told.length));
  }
}

/** Everybody says what is left to say, and every order hears it. */
async function atRest(model: Model, real: Real): Promise<void> {
  while ((await real.sweepDeleted()) > 0);
  for (const order of model.orders) {
    if (isOpen(order) && model.deleted.has(order.userId)) cancel(order, "USER_DELETED", userDeletedType);
    const { facts, stock, money } = order.neighbours;
    do {
      for (const fact of facts.filter(({ id }) => !order.heard.has(id))) {
        await deliver(real, order.id, fact, false);
        hear(order, fact, model.now());
      }
    } while (stock(true) || money(true));
  }
  await check(model, real);
  for (const expected of model.orders) {
    const { state, stockState, capturedMinor, refundedMinor } =
      (await real.queries.get(expected.id)) ?? assert.fail("an order is gone");
    assert.ok(state === "CONFIRMED" || state === "CANCELLED", `${expected.id} stays ${state}`);
    assert.equal(stockState, state === "CONFIRMED" ? "SOLD" : "RELEASED");
    assert.equal(capturedMinor - refundedMinor, expected.neighbours.kept());
    assert.ok(state === "CONFIRMED" || capturedMinor === refundedMinor, "the money of a cancelled order is back");
  }
}

describe("orders, against a model of them", function () {
  this.timeout(modelTimeMaxMs());

  it("are what the model says, whatever news come in whichever order, and come to rest", async () => {
    await checkModel((reached) => ({
      file: "order-svc/src/app/orders.model.test.ts",
      commands: [
        inOneTurn(placements(reached), check),
        ...[1, 2].map(() => inOneTurn(acts(reached), check)),
        ...happenings(reached),
      ],
      open,
      atRest,
      wanted: [
        ...["order placed twice", "order of a deleted user", "fact repeated", "older fact after a newer one"],
        ...["captured after it was cancelled", "cancelled too late", "cancelled with its user"],
        ...["PENDING", "AWAITING_PAYMENT", "CONFIRMED"].map((state) => `cancelled while ${state}`),
        ...["PENDING", "AWAITING_PAYMENT"].map((state) => `expired while ${state}`),
        "sent events forgotten",
      ],
    }));
  });
});
