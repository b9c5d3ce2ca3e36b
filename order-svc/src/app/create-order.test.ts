import assert from "node:assert/strict";
import { fixedClock, sequentialIds } from "@quartet/chassis/testing/clock";
import { afterEach, beforeEach, describe, it } from "mocha";
import type { PricedProduct } from "../domain/place-order.ts";
import { createMoments } from "../moment.ts";
import { aClaim, aMessage, aProduct, aRequest } from "../testing/builders.ts";
import { openTestStore, type TestStore } from "../testing/open-store.ts";
import { type CreateOrder, createCreateOrder } from "./create-order.ts";
import { createGatherPrices } from "./gather-prices.ts";
import type { CatalogueAnswer, PriceNeed } from "./ports.ts";
import { createRecordProduct } from "./record-product.ts";

const priceMaxAgeMs = 30_000;

describe("createOrder", () => {
  const clock = fixedClock();
  let store: TestStore;
  let createOrder: CreateOrder;
  /** What product-svc answers; undefined when it must not be asked. */
  let answer: ((productIds: readonly string[]) => CatalogueAnswer) | undefined;
  let asked: (readonly string[])[];
  let needs: PriceNeed[];

  beforeEach(async () => {
    store = await openTestStore(clock);
    answer = undefined;
    asked = [];
    needs = [];
    const catalogue = {
      async fetch(productIds: readonly string[], need: PriceNeed) {
        asked.push(productIds);
        needs.push(need);
        return answer?.(productIds) ?? assert.fail("nobody should have been asked");
      },
    };
    const newId = sequentialIds();
    const gatherPrices = createGatherPrices({ ...store, catalogue, now: clock.now, priceMaxAgeMs });
    createOrder = createCreateOrder({
      ...store,
      gatherPrices,
      moment: createMoments({ now: clock.now, newId }),
      newId,
    });
  });
  afterEach(() => store.close());

  const hear = (product: PricedProduct, time = clock.now()) =>
    createRecordProduct({ ...store, now: clock.now })(
      product,
      aMessage(`m-${product.id}-${product.version}`, { time }),
    );
  const found =
    (...products: PricedProduct[]) =>
    (): CatalogueAnswer => ({ kind: "found", products });
  const unavailable = (): CatalogueAnswer => ({ kind: "unavailable" });

  it("takes a price it has heard of lately without asking", async () => {
    await hear(aProduct());
    clock.advance(priceMaxAgeMs);
    const order = await createOrder(aRequest(), undefined);
    assert.equal(order.totalMinor, 2598);
    assert.deepEqual(asked, []);
    assert.deepEqual(await store.published(), ["shop.order.v1.OrderPlaced"]);
  });

  it("asks for what it does not know and keeps the answer", async () => {
    answer = found(aProduct());
    await createOrder(aRequest(), undefined);
    await createOrder(aRequest(), undefined);
    assert.deepEqual(asked, [["cup"]]);
  });

  it("asks again for a price last confirmed too long ago, and only for that", async () => {
    await hear(aProduct());
    clock.advance(priceMaxAgeMs + 1);
    await hear(aProduct({ id: "mug" }));
    answer = found(aProduct({ version: 2, price: { currency: "EUR", minorUnits: 100 } }));
    const lines = [
      { productId: "cup", quantity: 1 },
      { productId: "mug", quantity: 1 },
    ];
    const order = await createOrder(aRequest({ lines }), undefined);
    assert.equal(order.totalMinor, 1399);
    assert.deepEqual(asked, [["cup"]]);
  });

  it("counts an event that comes late as old", async () => {
    await hear(aProduct(), clock.now() - priceMaxAgeMs - 1);
    answer = found(aProduct());
    await createOrder(aRequest(), undefined);
    assert.equal(asked.length, 1);
  });

  it("does not trust a sender's clock that runs ahead", async () => {
    await hear(aProduct(), clock.now() + 1e9);
    clock.advance(priceMaxAgeMs + 1);
    answer = found(aProduct());
    await createOrder(aRequest(), undefined);
    assert.equal(asked.length, 1);
  });

  it("does not trust what it was told by its own clock before that was set back", async () => {
    await hear(aProduct());
    clock.advance(-1);
    answer = found(aProduct());
    await createOrder(aRequest(), undefined);
    assert.equal(asked.length, 1);
  });

  it("says whether it can do without the answer", async () => {
    await hear(aProduct());
    clock.advance(priceMaxAgeMs + 1);
    answer = unavailable;
    await createOrder(aRequest(), undefined);
    const lines = [
      { productId: "cup", quantity: 1 },
      { productId: "mug", quantity: 1 },
    ];
    await assert.rejects(createOrder(aRequest({ lines }), undefined));
    assert.deepEqual(needs, ["fresher", "missing"]);
  });

  it("prefers a higher version it has heard of to an older answer", async () => {
    await hear(aProduct({ version: 3, price: { currency: "EUR", minorUnits: 500 } }));
    clock.advance(priceMaxAgeMs + 1);
    answer = found(aProduct({ version: 2 }));
    const order = await createOrder(aRequest(), undefined);
    assert.deepEqual([order.totalMinor, order.lines[0]?.productVersion], [1000, 3]);
  });

  it("takes an old price when product-svc does not answer", async () => {
    await hear(aProduct());
    clock.advance(1e9);
    answer = unavailable;
    assert.equal((await createOrder(aRequest(), undefined)).totalMinor, 2598);
  });

  it("refuses with a hint to come back when nobody knows a price", async () => {
    await hear(aProduct());
    answer = unavailable;
    const lines = [
      { productId: "cup", quantity: 1 },
      { productId: "mug", quantity: 1 },
    ];
    await assert.rejects(createOrder(aRequest({ lines }), undefined), {
      kind: "unavailable",
      reason: "PRICES_UNAVAILABLE",
      metadata: { product: "products/mug" },
      retryDelayMs: 2000,
    });
    assert.deepEqual(await store.published(), []);
  });

  it("refuses a product that does not exist and names its field", async () => {
    await hear(aProduct());
    answer = () => ({ kind: "unknown", productId: "ghost" });
    const lines = [
      { productId: "cup", quantity: 1 },
      { productId: "ghost", quantity: 1 },
    ];
    await assert.rejects(createOrder(aRequest({ lines }), undefined), {
      kind: "invalid",
      reason: "UNKNOWN_PRODUCT",
      fields: [{ field: "lines[1].product", description: "there is no such product" }],
    });
  });

  it("asks nobody about a request that is wrong in itself", async () => {
    const lines = [
      { productId: "cup", quantity: 1 },
      { productId: "cup", quantity: 1 },
    ];
    await assert.rejects(createOrder(aRequest({ lines }), undefined), { reason: "DUPLICATE_PRODUCT" });
    assert.deepEqual(asked, []);
  });

  it("keeps what it learned about prices though the order is refused", async () => {
    answer = found(aProduct());
    const expectedTotal = { currency: "EUR", minorUnits: 1 };
    await assert.rejects(createOrder(aRequest({ expectedTotal }), undefined), { reason: "TOTAL_MISMATCH" });
    await createOrder(aRequest(), undefined);
    assert.equal(asked.length, 1);
  });

  it("refuses an archived product at once when it has heard of that", async () => {
    await hear(aProduct());
    await hear(aProduct({ version: 2, archived: true }));
    await assert.rejects(createOrder(aRequest(), undefined), {
      kind: "failed_precondition",
      reason: "PRODUCT_ARCHIVED",
      metadata: { product: "products/cup" },
    });
    assert.deepEqual(await store.published(), []);
  });

  it("does not sell a product again because of older news", async () => {
    await hear(aProduct({ version: 2, archived: true }));
    await hear(aProduct({ version: 1 }));
    await assert.rejects(createOrder(aRequest(), undefined), { reason: "PRODUCT_ARCHIVED" });
  });

  it("refuses a user whose account was deleted, and nobody else", async () => {
    await hear(aProduct());
    await store.deletedUsers.record("ada", aMessage("m1"));
    await assert.rejects(createOrder(aRequest(), aClaim("r1")), {
      kind: "failed_precondition",
      reason: "USER_DELETED",
      metadata: { user: "users/ada" },
    });
    assert.deepEqual(await store.published(), []);
    assert.equal((await createOrder(aRequest({ userId: "bob" }), undefined)).userId, "bob");
  });

  it("refuses a user whose account is deleted while the prices are gathered", async () => {
    answer = (_ids) => {
      void store.deletedUsers.record("ada", aMessage("m1"));
      return { kind: "found", products: [aProduct()] };
    };
    await assert.rejects(createOrder(aRequest(), undefined), { reason: "USER_DELETED" });
  });

  describe("when a request is repeated", () => {
    it("returns the order as it is, also after the account was deleted", async () => {
      await hear(aProduct());
      const placed = await createOrder(aRequest(), aClaim("r1"));
      await store.deletedUsers.record("ada", aMessage("m1"));
      assert.equal((await createOrder(aRequest(), aClaim("r1"))).id, placed.id);
      assert.equal((await store.published()).length, 1);
    });

    it("returns the order also when prices are not known any more", async () => {
      answer = found(aProduct());
      const placed = await createOrder(aRequest(), aClaim("r1"));
      clock.advance(1e9);
      store.database.sqlite.exec("DELETE FROM products");
      answer = undefined;
      assert.equal((await createOrder(aRequest(), aClaim("r1"))).id, placed.id);
      assert.equal((await store.published()).length, 1);
    });

    it("refuses other content under the same id", async () => {
      await hear(aProduct());
      await createOrder(aRequest(), aClaim("r1"));
      await assert.rejects(createOrder(aRequest(), aClaim("r1", "other")), { reason: "REQUEST_ID_REUSED" });
    });

    it("places two orders for two ids", async () => {
      await hear(aProduct());
      const first = await createOrder(aRequest(), aClaim("r1"));
      const second = await createOrder(aRequest(), aClaim("r2"));
      assert.notEqual(first.id, second.id);
    });
  });
});
