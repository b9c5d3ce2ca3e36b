import assert from "node:assert/strict";
import type { Database } from "@quartet/chassis/storage/database";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import { afterEach, beforeEach, describe, it } from "mocha";
import type { ProductQueries, ProductQuery, ProductStore } from "../app/ports.ts";
import { archiveProduct } from "../domain/archive-product.ts";
import type { Product } from "../domain/product.ts";
import { updateProduct } from "../domain/update-product.ts";
import { createToOutgoing } from "../events/publish.ts";
import { migrations } from "../migrations.ts";
import { aProduct } from "../testing/builders.ts";
import { createProductQueries } from "./product-queries.ts";
import { createProductStore } from "./product-store.ts";

const newest = { by: "create_time", descending: true } as const;
const aQuery = (changes: Partial<ProductQuery> = {}): ProductQuery => ({
  category: "",
  search: "",
  price: undefined,
  order: newest,
  ...changes,
});

describe("the list of products", () => {
  let database: Database;
  let store: ProductStore;
  let queries: ProductQueries;

  beforeEach(async () => {
    database = await openTestDatabase({ migrations: [migrations] });
    const now = () => 7;
    let ids = 0;
    const toOutgoing = createToOutgoing({ newId: () => `event-${++ids}` });
    store = createProductStore({ database, unitOfWork: createUnitOfWork({ database, now }), toOutgoing, now });
    queries = createProductQueries({ database });
  });
  afterEach(() => database.close());

  const add = (changes: Partial<Product>) => store.create(undefined, () => ({ next: aProduct(changes), events: [] }));
  const list = async (changes: Partial<ProductQuery> = {}) =>
    (await queries.list(aQuery(changes), undefined, 100)).map(({ product }) => product.id);
  const search = (text: string) => list({ search: text });

  describe("searches", () => {
    it("all words, in any order, in name, description and category alike", async () => {
      await add({ id: "cup", displayName: "Tea cup", description: "White porcelain", category: "kitchen" });
      await add({ id: "pot", displayName: "Tea pot", description: "Steel", category: "kitchen" });
      assert.deepEqual(await search("tea"), ["pot", "cup"]);
      assert.deepEqual(await search("porcelain kitchen tea"), ["cup"]);
      assert.deepEqual(await search("porcelain steel"), []);
    });

    it("the last word as a beginning, the others whole", async () => {
      await add({ id: "cup", displayName: "Porcelain cup" });
      assert.deepEqual(await search("porc"), ["cup"]);
      assert.deepEqual(await search("porcelain cu"), ["cup"]);
      assert.deepEqual(await search("porc cup"), []);
    });

    it("regardless of case and accents, on both sides", async () => {
      await add({ id: "cafe", displayName: "Café Crème" });
      for (const text of ["cafe", "CAFÉ", "cafe\u0301", "crème caf", "CREME"]) {
        assert.deepEqual(await search(text), ["cafe"], text);
      }
    });

    it("words that are made of several as they stand", async () => {
      await add({
        id: "pan",
        displayName: "Cast-iron pan",
        description: "The chef's choice",
        category: "kitchen-tools",
      });
      for (const text of ["cast-iron", "cast-ir", "iron", "chef's", "chef", "kitchen-tools", "tools"]) {
        assert.deepEqual(await search(text), ["pan"], text);
      }
      assert.deepEqual(await search("iron-cast"), []);
    });

    it("text that looks like syntax for the words in it", async () => {
      await add({ id: "cup", displayName: "Near cup or not", description: "And rated" });
      const found = [
        "near",
        "cup OR",
        "cup NOT",
        '"cup"',
        "cup*",
        "-cup",
        "+cup",
        "(cup)",
        "^cup",
        "cup AND near",
        "{cup}",
      ];
      for (const text of found) assert.deepEqual(await search(text), ["cup"], text);
      const missed = ["NEAR(cup pot)", "cup OR pot", "display_name:cup", "cup NOT pot", "display_name : cup"];
      for (const text of missed) assert.deepEqual(await search(text), [], text);
    });

    it("anything at all without an error", async () => {
      await add({ id: "cup", displayName: "Cup 🎁" });
      const nothing = [
        '"',
        '""',
        "'",
        "*",
        "-",
        "!!! ???",
        "🎁",
        "\u{1F469}\u200D\u{1F4BB}",
        "a".repeat(200),
        "%",
        "\\",
        "; --",
      ];
      for (const text of nothing) assert.deepEqual(await search(text), [], text);
      const cup = ["cup 🎁", "🎁 cup", 'cup "', "cup !", "cup\0", "\0cup", `cup${" ".repeat(190)}`, "cup ".repeat(50)];
      for (const text of cup) assert.deepEqual(await search(text), ["cup"], text);
      for (const text of ["  ", "\t\n", "\0"]) assert.deepEqual(await search(text), ["cup"], JSON.stringify(text));
      const letters = Array.from({ length: 100 }, (_, index) => String.fromCodePoint(0x4e00 + index)).join(" ");
      assert.deepEqual(await search(letters), []);
      assert.deepEqual(await search("\ud83c"), []);
    });

    it("scripts without spaces by the beginnings of their runs, and others by their words", async () => {
      await add({ id: "flask", displayName: "不锈钢保温杯 大号" });
      await add({ id: "kitab", displayName: "كتاب الطبخ" });
      await add({ id: "kniga", displayName: "Книга рецептов" });
      for (const text of ["不锈钢保温杯", "不锈", "大号 不锈", "大"])
        assert.deepEqual(await search(text), ["flask"], text);
      // The middle of a run is not found: the index does not know where a word begins in it.
      assert.deepEqual(await search("保温杯"), []);
      for (const text of ["كتاب", "الطبخ كت"]) assert.deepEqual(await search(text), ["kitab"], text);
      for (const text of ["книга", "РЕЦЕПТ"]) assert.deepEqual(await search(text), ["kniga"], text);
    });

    it("follows every change, and forgets what is archived", async () => {
      await add({ id: "cup", displayName: "Cup" });
      const change = (changes: object) =>
        store.update("cup", (product) => updateProduct(product ?? assert.fail(), changes, undefined, 1));
      await change({ displayName: "Mug" });
      assert.deepEqual([await search("cup"), await search("mug")], [[], ["cup"]]);
      await change({ description: "Blue", category: "gifts" });
      assert.deepEqual([await search("tea"), await search("blue gifts mug")], [[], ["cup"]]);
      await store.update("cup", (product) => archiveProduct(product ?? assert.fail(), undefined, 1));
      assert.deepEqual([await search("mug"), await list()], [[], []]);
    });

    it("never finds what was not committed", async () => {
      const refused = store.create(undefined, () => ({ next: aProduct({ id: "no", version: 0 }), events: [] }));
      await Promise.all([assert.rejects(refused), add({ id: "cup" })]);
      assert.deepEqual(await search("cup"), ["cup"]);
    });

    it("finds the same after the file was vacuumed", async () => {
      await add({ id: "gone", displayName: "Pot" });
      await add({ id: "cup", displayName: "Cup" });
      database.sqlite.exec(
        "DELETE FROM stock_adjustments WHERE product_id = 'gone'; DELETE FROM products WHERE id = 'gone'",
      );
      database.sqlite.exec("VACUUM");
      await add({ id: "pan", displayName: "Pan" });
      assert.deepEqual([await search("pot"), await search("cup"), await search("pan")], [[], ["cup"], ["pan"]]);
    });
  });

  it("takes the bounds of a price in, and only products of their currency", async () => {
    for (const minorUnits of [1, 2, 3, 4]) await add({ id: `e${minorUnits}`, price: { currency: "EUR", minorUnits } });
    await add({ id: "u3", price: { currency: "USD", minorUnits: 3 } });
    const within = (minMinor?: number, maxMinor?: number, currency = "EUR") =>
      list({ price: { currency, minMinor, maxMinor }, order: { by: "price", descending: false } });
    assert.deepEqual(await within(2, 3), ["e2", "e3"]);
    assert.deepEqual(await within(3), ["e3", "e4"]);
    assert.deepEqual(await within(undefined, 1), ["e1"]);
    assert.deepEqual(await within(0, 1_000_000_000_000, "USD"), ["u3"]);
    assert.deepEqual(await within(3, 2), []);
    assert.deepEqual(await within(0, 9, "CHF"), []);
  });

  it("sorts by time, name and price, and what is equal by id", async () => {
    const price = (currency: string, minorUnits: number) => ({ currency, minorUnits });
    await add({ id: "a", displayName: "Zebra", price: price("USD", 1), createTime: 5 });
    await add({ id: "b", displayName: "école", price: price("EUR", 9), createTime: 4 });
    await add({ id: "c", displayName: "Ecole", price: price("EUR", 9), createTime: 4 });
    await add({ id: "d", displayName: "bowl", price: price("EUR", 10), createTime: 6 });
    const orders = { create_time: "bcad", display_name: "dbca", price: "bcda" } as const;
    for (const [by, ids] of Object.entries(orders) as [keyof typeof orders, string][]) {
      assert.deepEqual(await list({ order: { by, descending: false } }), [...ids]);
      assert.deepEqual(await list({ order: { by, descending: true } }), [...ids].reverse());
    }
  });
});
