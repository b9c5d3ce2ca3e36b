import assert from "node:assert/strict";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import fc from "fast-check";
import { describe, it } from "mocha";
import type { ProductPosition, ProductQuery } from "../app/ports.ts";
import { archiveProduct } from "../domain/archive-product.ts";
import type { Product } from "../domain/product.ts";
import { holdStock } from "../domain/reservation.ts";
import { createToOutgoing } from "../events/publish.ts";
import { migrations } from "../migrations.ts";
import { aMessage, aProduct } from "../testing/builders.ts";
import { nameSortKey } from "./name-sort-key.ts";
import { createProductQueries } from "./product-queries.ts";
import { createProductStore } from "./product-store.ts";

const currency = fc.constantFrom("EUR", "USD");
const category = fc.constantFrom("kitchen", "garden-tools");
const product = fc.record({
  displayName: fc.constantFrom("Cup", "cup", "Cúp", "Tea cup", "tea-cup 2", "Øre", "杯子", "", "🎁"),
  description: fc.constantFrom("", "Tea", "holds TEÁ", "cupboard"),
  category,
  price: fc.record({ currency, minorUnits: fc.integer({ min: 1, max: 4 }) }),
  createTime: fc.integer({ min: 0, max: 3 }),
});
const bound = fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined });
const query = fc.record({
  category: fc.oneof(fc.constant(""), category),
  search: fc.constantFrom("", "", "cup", "CU", "tea cu", "cup tea", "garden", "tool cup", "杯", "?", "none"),
  price: fc.option(fc.record({ currency, minMinor: bound, maxMinor: bound }), { nil: undefined }),
  order: fc.record({
    by: fc.constantFrom("create_time", "display_name", "price"),
    descending: fc.boolean(),
  }),
}) satisfies fc.Arbitrary<ProductQuery>;
/** What happens between two pages: a product is added, one is archived, or one is held for an order. */
const event = fc.oneof(
  product.map((added) => ({ kind: "add" as const, added })),
  fc.nat(30).map((index) => ({ kind: "archive" as const, index })),
  fc.nat(30).map((index) => ({ kind: "hold" as const, index })),
);

const wordsOf = (text: string) =>
  text
    .normalize("NFD")
    .replaceAll(/\p{M}/gu, "")
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "");

/** What the contract says of a filter, without an index and without SQL. */
function matches(found: Product, { category, search, price }: ProductQuery): boolean {
  const words = wordsOf(`${found.displayName} ${found.description} ${found.category}`);
  const wanted = wordsOf(search);
  const last = wanted.pop();
  const isFound =
    search === "" ||
    (last !== undefined && wanted.every((word) => words.includes(word)) && words.some((word) => word.startsWith(last)));
  const { currency, minorUnits } = found.price;
  const isAffordable =
    price === undefined ||
    (currency === price.currency && minorUnits >= (price.minMinor ?? 0) && minorUnits <= (price.maxMinor ?? 9));
  return isFound && isAffordable && (category === "" || category === found.category);
}

/** Below zero when `a` comes before `b`. */
function compare(a: Product, b: Product, { by, descending }: ProductQuery["order"]): number {
  const bytes = (x: string, y: string) => Buffer.compare(Buffer.from(x), Buffer.from(y));
  const steps = {
    create_time: () => a.createTime - b.createTime,
    display_name: () => bytes(nameSortKey(a.displayName), nameSortKey(b.displayName)),
    price: () => bytes(a.price.currency, b.price.currency) || a.price.minorUnits - b.price.minorUnits,
  };
  return (steps[by]() || bytes(a.id, b.id)) * (descending ? -1 : 1);
}

describe("the pages of products", () => {
  it("show what was there throughout exactly once and in order, whatever is added, archived and held meanwhile", async () => {
    const scenario = fc.record({
      before: fc.array(product, { maxLength: 30 }),
      meanwhile: fc.array(fc.array(event, { maxLength: 3 }), { maxLength: 10 }),
      query,
      pageSize: fc.integer({ min: 1, max: 6 }),
      // Both ways to search, and a change from one to the other between two pages.
      sortedMax: fc.constantFrom(0, 3, 500),
      idSeed: fc.nat(9),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ before, meanwhile, query, pageSize, sortedMax, idSeed }) => {
        const database = await openTestDatabase({ migrations: [migrations] });
        try {
          const now = () => 7;
          const toOutgoing = createToOutgoing({ newId: () => `event-${++ids}` });
          const store = createProductStore({
            database,
            unitOfWork: createUnitOfWork({ database, now }),
            toOutgoing,
            now,
          });
          const queries = createProductQueries({ database, sortedMax });
          const shelf = new Map<string, Product>();
          const archived = new Set<string>();
          let ids = 0;

          const add = async (described: Partial<Product>) => {
            ids += 1;
            // Ids that do not follow the order in which they are given.
            const next = aProduct({ id: `p${(ids * (2 * idSeed + 1)) % 97}-${ids}`, ...described });
            shelf.set(next.id, next);
            await store.create(undefined, () => ({ next, events: [] }));
          };
          const happen = async (what: typeof event extends fc.Arbitrary<infer E> ? E : never) => {
            if (what.kind === "add") return add(what.added);
            const id = [...shelf.keys()][what.index];
            if (id === undefined) return;
            if (what.kind === "archive") {
              archived.add(id);
              await store.update(id, (found) => archiveProduct(found ?? assert.fail(), undefined, 1));
              return;
            }
            ids += 1;
            const order = { orderId: `o${ids}`, lines: [{ productId: id, quantity: 1 }] };
            await store.moveStock(order.orderId, [id], aMessage(`m${ids}`), (reservation, products) =>
              holdStock(reservation, order, products, 1),
            );
          };

          for (const described of before) await add(described);
          const atFirst = [...shelf.values()];
          const shown: string[] = [];
          let after: ProductPosition | undefined;
          for (let page = 0; ; page++) {
            const items = await queries.list(query, after, pageSize);
            for (const {
              product: { id },
            } of items) {
              assert.ok(!archived.has(id), `${id} is archived`);
              shown.push(id);
            }
            assert.ok(shown.length <= shelf.size, "the pages come to an end");
            const last = items.at(-1);
            if (last === undefined || items.length < pageSize) break;
            after = JSON.parse(JSON.stringify(last.position));
            for (const what of meanwhile[page] ?? []) await happen(what);
          }

          const products = shown.map((id) => shelf.get(id) ?? assert.fail(`${id} does not exist`));
          assert.deepEqual(
            shown,
            products.toSorted((a, b) => compare(a, b, query.order)).map(({ id }) => id),
          );
          assert.equal(new Set(shown).size, shown.length);
          assert.ok(products.every((found) => matches(found, query)));
          const throughout = atFirst.filter((found) => !archived.has(found.id) && matches(found, query));
          assert.deepEqual(
            throughout.filter(({ id }) => !shown.includes(id)),
            [],
          );
        } finally {
          await database.close();
        }
      }),
      { numRuns: 100 },
    );
  });
});
