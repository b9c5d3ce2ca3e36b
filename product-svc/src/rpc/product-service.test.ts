import assert from "node:assert/strict";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { newId } from "@quartet/chassis/ids";
import { errorInfoOf } from "@quartet/chassis/rpc/error-details";
import { outbox } from "@quartet/chassis/storage/schema";
import { type Product, Product_State, type ProductSchema } from "@quartet/proto/shop/product/v1/product_pb";
import type { ListProductsRequestSchema, ProductService } from "@quartet/proto/shop/product/v1/product_service_pb";
import { afterEach, beforeEach, describe, it } from "mocha";
import { availableMax } from "../domain/product.ts";
import { type CallOptions, type ServedProducts, serveProducts } from "../testing/serve-products.ts";

describe("ProductService", () => {
  let served: ServedProducts;
  let client: Client<typeof ProductService>;
  let admin: CallOptions;
  let customer: CallOptions;

  beforeEach(async () => {
    served = await serveProducts();
    ({ client, admin, customer } = served);
  });
  afterEach(() => served.close());

  const aCup = (changes = {}) => ({
    displayName: "Cup",
    category: "kitchen",
    price: { currency: "EUR", minorUnits: 1299n },
    initialQuantity: 10,
    ...changes,
  });
  const fails = (call: Promise<unknown>, code: Code, text: RegExp) =>
    assert.rejects(call, (error) => error instanceof ConnectError && error.code === code && text.test(error.message));

  it("creates a product that everyone can read", async () => {
    const created = await client.createProduct(aCup(), admin);
    assert.match(created.name, /^products\/[0-9a-f-]{36}$/);
    assert.deepEqual([created.availableQuantity, created.state, created.etag], [10, Product_State.ACTIVE, '"1"']);
    assert.deepEqual(await client.getProduct({ name: created.name }), created);
  });

  it("adjusts stock once for a request id", async () => {
    const { name } = await client.createProduct(aCup(), admin);
    const request = { name, quantityDelta: 5, requestId: newId() };
    await client.adjustStock(request, admin);
    assert.equal((await client.adjustStock(request, admin)).availableQuantity, 15);
    await fails(client.adjustStock({ ...request, quantityDelta: 6 }, admin), Code.AlreadyExists, /request_id/);
  });

  it("takes the idempotency key for a request id", async () => {
    const headers = { ...admin.headers, "idempotency-key": "first cup" };
    const created = await client.createProduct(aCup(), { headers });
    assert.equal((await client.createProduct(aCup(), { headers })).name, created.name);
    assert.notEqual((await client.createProduct(aCup(), admin)).name, created.name);
  });

  it("lets nobody but administrators change anything", async () => {
    const { name } = await client.createProduct(aCup(), admin);
    await fails(client.createProduct(aCup()), Code.Unauthenticated, /token/);
    await fails(client.createProduct(aCup(), customer), Code.PermissionDenied, /administrator/i);
    await fails(client.adjustStock({ name, quantityDelta: 1 }, customer), Code.PermissionDenied, /administrator/i);
    await fails(client.updateProduct({ product: { name } }, customer), Code.PermissionDenied, /administrator/i);
    await fails(client.archiveProduct({ name }, customer), Code.PermissionDenied, /administrator/i);
    assert.equal((await client.getProduct({ name })).availableQuantity, 10);
  });

  it("answers a batch in the order of the request, or not at all", async () => {
    const [one, two] = [await client.createProduct(aCup(), admin), await client.createProduct(aCup(), admin)];
    const { products } = await client.batchGetProducts({ names: [two.name, one.name] });
    assert.deepEqual(
      products.map((product) => product.name),
      [two.name, one.name],
    );
    await fails(client.batchGetProducts({ names: [one.name, "products/none"] }), Code.NotFound, /products\/none/);
  });

  it("lists by category, newest first, in pages that hold while products are added", async () => {
    const names: string[] = [];
    for (let count = 0; count < 5; count++) names.unshift((await client.createProduct(aCup(), admin)).name);
    await client.createProduct(aCup({ category: "garden" }), admin);
    const first = await client.listProducts({ category: "kitchen", pageSize: 3 });
    await client.createProduct(aCup(), admin);
    const second = await client.listProducts({ category: "kitchen", pageSize: 3, pageToken: first.nextPageToken });
    assert.deepEqual(
      [...first.products, ...second.products].map((product) => product.name),
      names,
    );
    assert.equal(second.nextPageToken, "");
    await fails(
      client.listProducts({ category: "garden", pageToken: first.nextPageToken }),
      Code.InvalidArgument,
      /page_token/,
    );
  });

  describe("updates", () => {
    let cup: Product;
    beforeEach(async () => {
      cup = await client.createProduct(aCup({ description: "Holds tea." }), admin);
    });
    const update = (product: MessageInitShape<typeof ProductSchema>, ...paths: string[]) =>
      client.updateProduct({ product: { name: cup.name, ...product }, updateMask: { paths } }, admin);
    const eventCount = () => served.database.orm.select().from(outbox).all().length;

    it("what the mask names, whatever else is sent", async () => {
      const all = {
        displayName: "Mug",
        description: "",
        category: "gifts",
        price: { currency: "USD", minorUnits: 1n },
      };
      const updated = await update(all, "display_name", "description");
      assert.deepEqual([updated.displayName, updated.description], ["Mug", ""]);
      assert.deepEqual([updated.category, updated.price], [cup.category, cup.price]);
      assert.deepEqual([updated.version, updated.etag], [2n, '"2"']);
      assert.deepEqual(await client.getProduct({ name: cup.name }), updated);
    });

    it("all four fields for *, and those that are filled without a mask", async () => {
      const price = { currency: "USD", minorUnits: 5n };
      const filled = await update({ description: "Blue.", price });
      assert.deepEqual([filled.displayName, filled.description, filled.price?.currency], ["Cup", "Blue.", "USD"]);
      const all = await update({ displayName: "Mug", category: "gifts", price }, "*");
      assert.deepEqual([all.displayName, all.description, all.category, all.version], ["Mug", "", "gifts", 3n]);
    });

    it("what was read, changed and sent back whole, and of that only what can be changed", async () => {
      await client.adjustStock({ name: cup.name, quantityDelta: -3 }, admin);
      const { $typeName: _, ...read } = await client.getProduct({ name: cup.name });
      const sent = { ...read, displayName: "Mug", availableQuantity: 99, state: Product_State.ARCHIVED, version: 77n };
      for (const updated of [await update(sent, "display_name"), await update({ ...sent, etag: "" })]) {
        assert.deepEqual([updated.displayName, updated.availableQuantity], ["Mug", 7]);
        assert.deepEqual([updated.state, updated.version], [Product_State.ACTIVE, 3n]);
      }
    });

    it("what was read also while cancelled orders have filled the stock beyond what can be added", async () => {
      served.database.sqlite.exec(`UPDATE products SET available = ${availableMax + 1_000}`);
      const { $typeName: _, ...read } = await client.getProduct({ name: cup.name });
      assert.equal(
        (await update({ ...read, displayName: "Mug" }, "display_name")).availableQuantity,
        availableMax + 1_000,
      );
    });

    it("nothing, when everything is as it was, and tells nobody", async () => {
      for (const call of [
        update({ displayName: "Cup" }, "display_name"),
        update({ ...aCup(), description: "Holds tea." }, "*"),
        update({}),
        update({ etag: cup.etag }),
      ]) {
        assert.deepEqual(await call, cup);
      }
      assert.equal(eventCount(), 1);
    });

    it("only while the etag holds, also a weak one", async () => {
      const first = await update({ displayName: "Mug", etag: cup.etag }, "display_name");
      await fails(update({ displayName: "Pot", etag: cup.etag }, "display_name"), Code.Aborted, /etag/);
      assert.equal((await update({ displayName: "Pan", etag: `W/${first.etag}` }, "display_name")).displayName, "Pan");
    });

    it("one of several who read the same", async () => {
      const names = ["Mug", "Pot", "Pan"];
      const results = await Promise.allSettled(names.map((displayName) => update({ displayName, etag: cup.etag })));
      assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "rejected", "rejected"]);
      assert.equal((await client.getProduct({ name: cup.name })).version, 2n);
      assert.equal(eventCount(), 2);
    });
  });

  describe("archives", () => {
    it("once, and returns what is archived as it is, also for an etag of before", async () => {
      const { name, etag } = await client.createProduct(aCup(), admin);
      const archived = await client.archiveProduct({ name, etag }, admin);
      assert.deepEqual([archived.state, archived.version], [Product_State.ARCHIVED, 2n]);
      for (const repeated of [etag, archived.etag, "", '"99"']) {
        assert.deepEqual(await client.archiveProduct({ name, etag: repeated }, admin), archived);
      }
      assert.deepEqual(await client.getProduct({ name }), archived);
      assert.deepEqual((await client.batchGetProducts({ names: [name] })).products, [archived]);
      assert.deepEqual((await client.listProducts({})).products, []);
    });

    it("for good: what is said stays, and stock only goes", async () => {
      const { name, etag } = await client.createProduct(aCup(), admin);
      await client.archiveProduct({ name }, admin);
      const isArchived = (error: unknown) =>
        error instanceof ConnectError &&
        error.code === Code.FailedPrecondition &&
        errorInfoOf(error)?.reason === "PRODUCT_ARCHIVED" &&
        errorInfoOf(error)?.metadata.product === name;
      await assert.rejects(client.updateProduct({ product: { name, displayName: "Mug" } }, admin), isArchived);
      await assert.rejects(client.updateProduct({ product: { name, displayName: "Mug", etag } }, admin), isArchived);
      await assert.rejects(client.adjustStock({ name, quantityDelta: 1 }, admin), isArchived);
      const emptied = await client.adjustStock({ name, quantityDelta: -10 }, admin);
      assert.deepEqual([emptied.availableQuantity, emptied.state], [0, Product_State.ARCHIVED]);
    });
  });

  describe("lists", () => {
    const list = async (request: MessageInitShape<typeof ListProductsRequestSchema>) =>
      (await client.listProducts(request)).products.map(({ displayName }) => displayName);
    const euros = (minorUnits: bigint) => ({ currency: "EUR", minorUnits });
    const add = (displayName: string, price: bigint, changes = {}) =>
      client.createProduct(aCup({ displayName, price: euros(price), ...changes }), admin);

    it("what a search, a category and prices have in common, in the order asked for", async () => {
      await add("Tea cup", 300n);
      await add("Teacup", 100n);
      await add("Café cup", 200n, { description: "Not for tea." });
      await add("Tea cup", 250n, { category: "garden" });
      await add("Cup of tea", 900n);
      const query = { search: "TEA cu", category: "kitchen", minPrice: euros(200n), maxPrice: euros(899n) };
      assert.deepEqual(await list(query), ["Café cup", "Tea cup"]);
      assert.deepEqual(await list({ ...query, orderBy: "price desc" }), ["Tea cup", "Café cup"]);
      assert.deepEqual(await list({ ...query, orderBy: "create_time asc" }), ["Tea cup", "Café cup"]);
      assert.deepEqual(await list({ ...query, orderBy: "display_name" }), ["Café cup", "Tea cup"]);
      assert.deepEqual(await list({ ...query, maxPrice: undefined, pageSize: 1 }), ["Cup of tea"]);
    });

    it("nothing, where the least is more than the most", async () => {
      await add("Cup", 300n);
      assert.deepEqual(await list({ minPrice: euros(301n), maxPrice: euros(300n) }), []);
      assert.deepEqual(await list({ minPrice: euros(300n), maxPrice: euros(300n) }), ["Cup"]);
      assert.deepEqual(await list({ minPrice: { currency: "USD", minorUnits: 0n } }), []);
    });

    it("page after page by names of every length and script", async () => {
      const names = [
        "\u0001".repeat(200),
        "🎁".repeat(200),
        "杯".repeat(200),
        "كوب".repeat(60),
        "x".repeat(200),
        '"\\',
      ];
      for (const name of [...names, ...names]) await add(name, 1n);
      for (const orderBy of ["display_name", "display_name desc", "price", "create_time"]) {
        const seen: string[] = [];
        let pageToken = "";
        do {
          const { products, nextPageToken } = await client.listProducts({ orderBy, pageSize: 1, pageToken });
          seen.push(...products.map(({ name }) => name));
          pageToken = nextPageToken;
        } while (pageToken !== "" && seen.length < 99);
        assert.equal(new Set(seen).size, 12);
        assert.equal(seen.length, 12);
      }
    });

    it("a product that was changed at its new place", async () => {
      const [first] = [await add("A", 1n), await add("B", 2n), await add("C", 3n)];
      const page = await client.listProducts({ orderBy: "price", pageSize: 2 });
      const { name } = first;
      await client.updateProduct({ product: { name, price: euros(9n) } }, admin);
      const next = await client.listProducts({ orderBy: "price", pageSize: 2, pageToken: page.nextPageToken });
      assert.deepEqual(
        next.products.map(({ displayName }) => displayName),
        ["C", "A"],
      );
    });
  });
});
