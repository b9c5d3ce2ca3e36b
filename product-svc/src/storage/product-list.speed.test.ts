import assert from "node:assert/strict";
import type { Database } from "@quartet/chassis/storage/database";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import { after, afterEach, before, describe, it } from "mocha";
import type { ProductPosition, ProductQueries, ProductQuery } from "../app/ports.ts";
import { migrations } from "../migrations.ts";
import { createProductQueries } from "./product-queries.ts";

const catalogueSize = 20_000;
const pageSize = 51;
// Some three times what the dearest of them takes on a small machine.
const costMaxMs = 20;

describe(`the list of ${catalogueSize} products`, () => {
  let database: Database;
  let queries: ProductQueries;
  let statements: string[] = [];

  before(async () => {
    database = await openTestDatabase({ migrations: [migrations] });
    // Each has one of 3 categories, one of 997 makers and a number of its own; all of them are "cups".
    database.sqlite.exec(`
      WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT ${catalogueSize})
      INSERT INTO products (
        seq, id, display_name, name_sort_key, description, category, currency, price_minor, available, held, sold,
        state, version, create_time, update_time
      ) SELECT n, 'id-' || n, 'Cup ' || n, 'cup ' || n,
        'Made by maker' || (n % 997) || ' for those who like a good cup of tea and not only in the morning',
        CASE n % 3 WHEN 0 THEN 'kitchen' WHEN 1 THEN 'garden' ELSE 'office' END,
        CASE n % 10 WHEN 0 THEN 'USD' ELSE 'EUR' END, 1 + n * 7919 % 10000, 1, 0, 0,
        CASE n % 100 WHEN 0 THEN 'ARCHIVED' ELSE 'ACTIVE' END, 1, n, n FROM numbers`);
    const prepare = database.sqlite.prepare.bind(database.sqlite);
    database.sqlite.prepare = (statement: string) => {
      statements.push(statement);
      return prepare(statement);
    };
    queries = createProductQueries({ database });
  });
  afterEach(() => {
    statements = [];
  });
  after(() => database.close());

  const aQuery = (changes: Partial<ProductQuery>): ProductQuery => ({
    category: "",
    search: "",
    price: undefined,
    order: { by: "create_time", descending: true },
    ...changes,
  });
  const prices = { currency: "EUR", minMinor: 2_000, maxMinor: 4_000 };
  const behind: Record<ProductQuery["order"]["by"], ProductPosition> = {
    create_time: [10_000, "id-1"],
    display_name: ["cup 5", "id-1"],
    price: ["EUR", 3_000, "id-1"],
  };

  /** What SQLite does for a page: the steps of its plan, as in "SEARCH products USING INDEX products_by_time". */
  async function planOf(query: ProductQuery, position: ProductPosition | undefined): Promise<string> {
    statements = [];
    await queries.list(query, position, pageSize);
    const list = statements.at(-1) ?? assert.fail("nothing was prepared");
    const explain = database.sqlite.prepare(`EXPLAIN QUERY PLAN ${list}`);
    const parameters = Array.from({ length: list.split("?").length - 1 }, () => 1);
    return (explain.all(...parameters) as { detail: string }[]).map(({ detail }) => detail).join("; ");
  }

  const indexes = { create_time: "time", display_name: "name", price: "price" } as const;
  for (const by of ["create_time", "display_name", "price"] as const) {
    for (const descending of [false, true]) {
      const order = { by, descending };

      it(`walks an index in the order ${by}${descending ? " desc" : ""}, whatever else is asked for`, async () => {
        for (const category of ["", "kitchen"]) {
          for (const price of [undefined, prices]) {
            for (const search of ["", "cup"]) {
              for (const position of [undefined, behind[by]]) {
                const plan = await planOf(aQuery({ order, category, price, search }), position);
                const index = `products_by_${category && "category_"}${indexes[by]}`;
                const isFromTheStart =
                  position === undefined && category === "" && (price === undefined || by !== "price");
                const step = isFromTheStart ? "SCAN" : "SEARCH";
                assert.match(plan, new RegExp(`^${step} products USING INDEX ${index}\\b`));
                assert.doesNotMatch(plan, /TEMP B-TREE/);
              }
            }
          }
        }
      });

      it(`reads the few that a search finds, to sort them in the order ${by}${descending ? " desc" : ""}`, async () => {
        for (const [category, price] of [
          ["", undefined],
          ["kitchen", prices],
        ] as const) {
          for (const position of [undefined, behind[by]]) {
            const plan = await planOf(aQuery({ order, category, price, search: "maker500" }), position);
            assert.match(plan, /^SEARCH products USING INTEGER PRIMARY KEY \(rowid=\?\)/);
          }
        }
      });
    }
  }

  for (const [what, changes] of Object.entries<Partial<ProductQuery>>({
    "the newest": {},
    "a word that is in all of them": { search: "cup" },
    "a letter that begins a word of all of them": { search: "c" },
    "the words of a few": { search: "cup maker500" },
    "a word that is in none": { search: "saucer" },
    "words that are in all of them": { search: "good cu" },
    "a word, a category and prices, by name": {
      search: "tea",
      category: "kitchen",
      price: prices,
      order: { by: "display_name", descending: false },
    },
    "prices that nothing has": { price: { currency: "EUR", minMinor: 20_000, maxMinor: undefined } },
  })) {
    it(`takes milliseconds to find ${what}`, async () => {
      const query = aQuery(changes);
      const costs: number[] = [];
      for (let run = 0; run < 10; run++) {
        const before = process.cpuUsage();
        await queries.list(query, undefined, pageSize);
        const { user, system } = process.cpuUsage(before);
        costs.push((user + system) / 1000);
      }
      // Time of the processor, and the least of ten: other programs on the machine do not count.
      assert.ok(Math.min(...costs) < costMaxMs, `${costs} ms`);
    });
  }
});
