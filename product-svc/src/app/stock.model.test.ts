import assert from "node:assert/strict";
import { fromBinary } from "@bufbuild/protobuf";
import type { Database } from "@quartet/chassis/storage/database";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { fixedClock, sequentialIds } from "@quartet/chassis/testing/clock";
import { checkModel, modelTimeMaxMs, type Reached } from "@quartet/chassis/testing/model-runs";
import { type Act, forgetting, inOneTurn, type Outcome, succeeds } from "@quartet/chassis/testing/model-turn";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import { StockRejected_Reason, StockRejectedSchema } from "@quartet/proto/shop/product/v1/product_events_pb";
import fc from "fast-check";
import { describe, it } from "mocha";
import { availableMax, type Product } from "../domain/product.ts";
import { createToOutgoing } from "../events/publish.ts";
import { migrations } from "../migrations.ts";
import { createProductStore } from "../storage/product-store.ts";
import { aMessage } from "../testing/builders.ts";
import { type AdjustStock, createAdjustStock } from "./adjust-stock.ts";
import { type ArchiveProduct, createArchiveProduct } from "./archive-product.ts";
import { type CreateProduct, createCreateProduct } from "./create-product.ts";
import { createMoveStock, type MoveStock } from "./move-stock.ts";

/** A product by what was put in and taken out by hand. What of it is available follows from the orders. */
interface StockedProduct {
  pieces: number;
  archived: boolean;
  readonly told: string[];
}

/** The stock of an order. What it asks for never changes; what it has is all of that or nothing. */
interface StockOfOrder {
  readonly asked: ReadonlyMap<string, number>;
  has: "nothing yet" | "nothing" | "held" | "sold" | "given back";
  readonly told: string[];
}

interface Model {
  readonly products: Map<string, StockedProduct>;
  /** The ids of products that exist or are being created. */
  readonly taken: Set<string>;
  readonly orders: Map<string, StockOfOrder>;
  /** Messages and requests that were carried out. */
  readonly messages: Set<string>;
  readonly requests: Map<string, string>;
}

interface Real {
  readonly database: Database;
  readonly create: CreateProduct;
  readonly adjust: AdjustStock;
  readonly archive: ArchiveProduct;
  readonly move: MoveStock;
  /** Events by what they are about. Only grows. */
  readonly told: Map<string, string[]>;
  toldUpTo: number;
}

const productIds = ["p1", "p2", "p3"];
const described = { description: "", category: "kitchen", price: { currency: "EUR", minorUnits: 1299 } };
const orderIds = ["o1", "o2", "o3", "o4", "o5"];

const inOrders = (model: Model, productId: string, has: StockOfOrder["has"]) =>
  [...model.orders.values()]
    .filter((order) => order.has === has)
    .reduce((sum, { asked }) => sum + (asked.get(productId) ?? 0), 0);
const availableOf = (model: Model, productId: string) =>
  (model.products.get(productId)?.pieces ?? 0) -
  inOrders(model, productId, "held") -
  inOrders(model, productId, "sold");

const tell = (told: string[], what: string) => told.push(`${told.length + 1} ${what}`);

function acts(reached: Reached): fc.Arbitrary<Act<Model, Real>> {
  const product = fc.constantFrom(...productIds);
  const orderId = fc.constantFrom(...orderIds);
  /** Which of the messages with this news: the one that its sender sends, or one that another sending made of it. */
  const sending = fc.record({ again: fc.nat({ max: 3 }).map((n) => (n === 3 ? 1 : 0)), redelivered: fc.boolean() });

  const create = fc.record({ id: product, pieces: fc.nat({ max: 12 }) }).map(({ id, pieces }) => ({
    name: `create ${id} with ${pieces}`,
    on: (model: Model) => {
      if (model.taken.has(id)) return undefined;
      model.taken.add(id);
      return {
        start: ({ create: run }: Real) => run({ ...described, displayName: id, initialQuantity: pieces }, undefined),
        expect: () => {
          model.products.set(id, { pieces, archived: false, told: ["1 ProductCreated"] });
          return succeeds;
        },
      };
    },
  }));

  // A request id mostly stands for one request, so that there are repetitions.
  const usual = fc
    .nat({ max: 11 })
    .map((n) => ({ id: productIds[n % 3] ?? "", change: (n % 7) - 3 || 9, requestId: n }));
  const unusual = fc.record({
    id: product,
    change: fc.oneof(fc.integer({ min: -12, max: -1 }), fc.constant(availableMax)),
    requestId: fc.nat({ max: 11 }),
  });
  const adjust = fc.oneof({ weight: 3, arbitrary: usual }, { weight: 1, arbitrary: unusual }).map((input) => {
    const { id, change } = input;
    const requestId = String(input.requestId);
    const hash = `${id} ${change}`;
    const expected = (model: Model): Outcome => {
      const found = model.products.get(id);
      const earlier = model.requests.get(requestId);
      const available = availableOf(model, id);
      if (earlier !== undefined && earlier !== hash) return { refused: "REQUEST_ID_REUSED" };
      if (earlier === undefined) {
        if (found === undefined) return { refused: "PRODUCT_NOT_FOUND" };
        if (found.archived && change > 0) return { refused: "PRODUCT_ARCHIVED" };
        if (available + change < 0) return { refused: "INSUFFICIENT_STOCK" };
        if (change > 0 && available + change > availableMax) return { refused: "STOCK_LIMIT_EXCEEDED" };
        found.pieces += change;
        tell(found.told, "ProductUpdated");
        model.requests.set(requestId, hash);
      } else reached("repeated adjustment");
      const wanted = availableOf(model, id);
      return { succeeds: (answer: Product) => assert.ok(earlier !== undefined || answer.available === wanted) };
    };
    return {
      name: `adjust ${id} by ${change} as ${requestId}`,
      on: (model: Model) => ({
        start: ({ adjust: run }: Real) =>
          run(
            { productId: id, quantityDelta: change, reason: "count" },
            { caller: "users/root", method: "A", requestId, hash },
          ),
        expect: () => expected(model),
      }),
    };
  });

  const archive = product.map((id) => ({
    name: `archive ${id}`,
    on: (model: Model) => ({
      start: ({ archive: run }: Real) => run({ productId: id, expectedVersion: undefined }),
      expect: (): Outcome => {
        const found = model.products.get(id);
        if (found === undefined) return { refused: "PRODUCT_NOT_FOUND" };
        if (!found.archived) tell(found.told, "ProductArchived");
        found.archived = true;
        return succeeds;
      },
    }),
  }));

  const shortagesOf = (model: Model, asked: StockOfOrder["asked"]) =>
    [...asked].flatMap(([id, quantity]) => {
      const found = model.products.get(id);
      const available = availableOf(model, id);
      const short = (reason: string) => [`${id} ${quantity}/${available} ${reason}`];
      if (found === undefined) return short("PRODUCT_NOT_FOUND");
      if (found.archived) return short("PRODUCT_ARCHIVED");
      return available < quantity ? short("INSUFFICIENT_STOCK") : [];
    });

  /** What a message must do to the stock of an order, once. Gives the reason when it is refused. */
  const happens = {
    placed(model: Model, order: StockOfOrder) {
      if (order.has === "given back") reached("late hold");
      if (order.has !== "nothing yet") return undefined;
      const shortages = shortagesOf(model, order.asked);
      order.has = shortages.length === 0 ? "held" : "nothing";
      tell(order.told, shortages.length === 0 ? "StockReserved" : `StockRejected ${shortages.join(", ")}`);
      reached(order.has);
      return undefined;
    },
    confirmed(_model: Model, order: StockOfOrder) {
      if (order.has === "nothing" || order.has === "nothing yet") return "NOT_RESERVED";
      if (order.has === "held") {
        order.has = "sold";
        tell(order.told, "StockSold");
        reached("sold");
      }
      return undefined;
    },
    cancelled(_model: Model, order: StockOfOrder) {
      if (order.has === "given back") return undefined;
      reached(`release of ${order.has}`);
      order.has = "given back";
      tell(order.told, "StockReleased");
      return undefined;
    },
  };

  const askedFor = fc
    .uniqueArray(
      fc.record({
        id: fc.constantFrom(...productIds, ...productIds, "ghost"),
        quantity: fc.integer({ min: 1, max: 3 }),
      }),
      {
        selector: ({ id }) => id,
        minLength: 1,
        maxLength: 3,
      },
    )
    .filter((lines) => lines.length > 1 || lines[0]?.id !== "ghost");

  const hear = fc
    .record({
      id: orderId,
      asked: askedFor,
      news: fc.constantFrom("placed", "placed", "placed", "confirmed", "confirmed", "cancelled"),
      sending,
    })
    .map(({ id, asked, news, sending: { again, redelivered } }) => {
      const message = { ...aMessage(`${id} ${news} ${again}`), redelivered };
      return {
        name: `hear ${message.id}${redelivered ? " again" : ""} (${asked.map((line) => `${line.quantity} ${line.id}`)})`,
        on: (model: Model) => {
          const order = model.orders.get(id) ?? {
            asked: new Map(asked.map((line) => [line.id, line.quantity])),
            has: "nothing yet" as const,
            told: [],
          };
          model.orders.set(id, order);
          const lines = [...order.asked].map(([productId, quantity]) => ({ productId, quantity }));
          return {
            start: ({ move }: Real) => {
              if (news === "placed") return move.hold({ orderId: id, lines }, message);
              return news === "confirmed" ? move.sell(id, message) : move.release(id, message);
            },
            expect: (): Outcome => {
              if (model.messages.has(message.id)) return succeeds;
              const refused = happens[news](model, order);
              if (refused !== undefined) return { refused };
              model.messages.add(message.id);
              return succeeds;
            },
          };
        },
      };
    });

  const forget = forgetting<Model, Real>(["inbox"], ({ messages }) => messages.clear());

  return fc.oneof(
    { weight: 2, arbitrary: create },
    { weight: 3, arbitrary: adjust },
    { weight: 1, arbitrary: archive },
    { weight: 10, arbitrary: hear },
    { weight: 1, arbitrary: forget },
  );
}

async function open() {
  const database = await openTestDatabase({ migrations: [migrations] });
  const { now } = fixedClock();
  const newId = sequentialIds();
  const unitOfWork = createUnitOfWork({ database, now });
  const products = createProductStore({ database, unitOfWork, toOutgoing: createToOutgoing({ newId }), now });
  const create: CreateProduct = (input, request) =>
    createCreateProduct({ products, now, newId: () => input.displayName })(input, request);
  const real: Real = {
    database,
    create,
    adjust: createAdjustStock({ products, now }),
    archive: createArchiveProduct({ products, now }),
    move: createMoveStock({ products, now }),
    told: new Map(),
    toldUpTo: 0,
  };
  // Without stock to begin with most orders would be refused.
  const model: Model = {
    products: new Map(),
    taken: new Set(),
    orders: new Map(),
    messages: new Set(),
    requests: new Map(),
  };
  for (const id of productIds.slice(0, 2)) {
    await create({ ...described, displayName: id, initialQuantity: 12 }, undefined);
    model.taken.add(id);
    model.products.set(id, { pieces: 12, archived: false, told: ["1 ProductCreated"] });
  }
  return { model, real, close: () => database.close() };
}

async function check(model: Model, real: Real): Promise<void> {
  const { sqlite } = real.database;
  const rows = (query: string) => sqlite.prepare<[], Record<string, string | number>>(query).all();
  assert.deepEqual(
    rows("SELECT id, available, held, sold, state FROM products ORDER BY id"),
    [...model.products.keys()].sort().map((id) => ({
      id,
      available: availableOf(model, id),
      held: inOrders(model, id, "held"),
      sold: inOrders(model, id, "sold"),
      state: model.products.get(id)?.archived ? "ARCHIVED" : "ACTIVE",
    })),
  );
  const states = { nothing: "REJECTED", held: "HELD", sold: "SOLD", "given back": "RELEASED" };
  assert.deepEqual(
    rows("SELECT order_id AS id, state FROM reservations ORDER BY order_id").map(({ id, state }) => `${id} ${state}`),
    [...model.orders].flatMap(([id, { has }]) => (has === "nothing yet" ? [] : [`${id} ${states[has]}`])).sort(),
  );
  assert.deepEqual(
    rows(`SELECT id FROM products WHERE available + held + sold <>
      (SELECT sum(quantity_delta) FROM stock_adjustments WHERE product_id = id)`),
    [],
    "the pieces of a product are those that were put in",
  );
  readOutbox(real);
  const expected = [
    ...[...model.products].map(([id, { told }]) => [`products/${id}`, told] as const),
    ...[...model.orders].map(([id, { told }]) => [`reservations/${id}`, told] as const),
  ];
  for (const [aggregate, told] of expected) assert.deepEqual(real.told.get(aggregate) ?? [], told, aggregate);
}

function readOutbox(real: Real): void {
  const added = real.database.sqlite.prepare<
    [number],
    { seq: number; type: string; aggregate: string; version: number; payload: Buffer }
  >("SELECT seq, type, aggregate, version, payload FROM outbox WHERE seq > ? ORDER BY seq");
  for (const { seq, type, aggregate, version, payload } of added.all(real.toldUpTo)) {
    real.toldUpTo = seq;
    const name = type.split(".").at(-1) ?? "";
    const told = real.told.get(aggregate) ?? [];
    real.told.set(aggregate, told);
    told.push(`${version} ${name}${name === "StockRejected" ? ` ${shortagesIn(payload)}` : ""}`);
  }
}

const reasonNames = new Map<number, string>(
  Object.entries(StockRejected_Reason).map(([name, reason]) => [reason, name]),
);

function shortagesIn(payload: Buffer): string {
  const { shortages } = fromBinary(StockRejectedSchema, payload);
  return shortages
    .map(({ product, requestedQuantity, availableQuantity, reason }) => {
      const id = product.replace("products/", "");
      return `${id} ${requestedQuantity}/${availableQuantity} ${reasonNames.get(reason)}`;
    })
    .join(", ");
}

describe("stock, against a model of it", function () {
  this.timeout(modelTimeMaxMs());

  it("is where the model says, and each order is told of it once, whatever comes in whichever order", async () => {
    await checkModel((reached) => ({
      file: "product-svc/src/app/stock.model.test.ts",
      commands: [inOneTurn(acts(reached), check)],
      open,
      atRest: check,
      wanted: [
        ...["held", "nothing", "sold", "repeated adjustment", "late hold"],
        ...["nothing yet", "nothing", "held", "sold"].map((has) => `release of ${has}`),
      ],
    }));
  });
});
