import assert from "node:assert/strict";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createTokenVerifier } from "@quartet/chassis/auth/token-verifier";
import { newId } from "@quartet/chassis/ids";
import { createPageTokens } from "@quartet/chassis/page-token";
import { implement } from "@quartet/chassis/rpc/implement";
import type { Database } from "@quartet/chassis/storage/database";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import { inMemoryTransport } from "@quartet/chassis/testing/test-server";
import { createTestTokens } from "@quartet/chassis/testing/test-tokens";
import { Product_State } from "@quartet/proto/shop/product/v1/product_pb";
import { ProductService } from "@quartet/proto/shop/product/v1/product_service_pb";
import { afterEach, beforeEach, describe, it } from "mocha";
import { createAdjustStock } from "../app/adjust-stock.ts";
import { createArchiveProduct } from "../app/archive-product.ts";
import { createCreateProduct } from "../app/create-product.ts";
import { createUpdateProduct } from "../app/update-product.ts";
import { createToOutgoing } from "../events/publish.ts";
import { migrations } from "../migrations.ts";
import { createProductQueries } from "../storage/product-queries.ts";
import { createProductStore } from "../storage/product-store.ts";
import { createProductServiceImpl } from "./product-service.ts";

describe("ProductService", () => {
  const now = Date.now;
  const tokens = createTestTokens();
  let database: Database;
  let client: Client<typeof ProductService>;
  let admin: { headers: Record<string, string> };

  beforeEach(async () => {
    database = await openTestDatabase({ migrations: [migrations] });
    const unitOfWork = createUnitOfWork({ database, now });
    const products = createProductStore({ database, unitOfWork, toOutgoing: createToOutgoing({ newId }), now });
    const implementation = createProductServiceImpl({
      queries: createProductQueries({ database }),
      createProduct: createCreateProduct({ products, now, newId }),
      adjustStock: createAdjustStock({ products, now }),
      updateProduct: createUpdateProduct({ products, now }),
      archiveProduct: createArchiveProduct({ products, now }),
      pageTokens: createPageTokens({ key: new Uint8Array(32) }),
    });
    const verifier = createTokenVerifier({ keys: tokens.keySet, issuer: "quartet", audience: "quartet", now });
    const registrations = [implement(ProductService, implementation)];
    client = createClient(ProductService, inMemoryTransport({ registrations, verifier }));
    admin = { headers: { authorization: `Bearer ${await tokens.sign({ userId: "root", role: "admin" })}` } };
  });

  afterEach(() => database.close());

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
    const customer = { headers: { authorization: `Bearer ${await tokens.sign({ userId: "ada" })}` } };
    const { name } = await client.createProduct(aCup(), admin);
    await fails(client.createProduct(aCup()), Code.Unauthenticated, /token/);
    await fails(client.createProduct(aCup(), customer), Code.PermissionDenied, /administrator/i);
    await fails(client.adjustStock({ name, quantityDelta: 1 }, customer), Code.PermissionDenied, /administrator/i);
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

  for (const [what, changes, field] of [
    ["without a name", { displayName: "" }, "display_name"],
    ["with a category in capitals", { category: "Kitchen" }, "category"],
    ["without a price", { price: undefined }, "price"],
    ["that costs nothing", { price: { currency: "EUR", minorUnits: 0n } }, "price"],
    ["in a currency that is none", { price: { currency: "euro", minorUnits: 1n } }, "price.currency"],
    ["with less than no stock", { initialQuantity: -1 }, "initial_quantity"],
  ] as const) {
    it(`refuses a product ${what} and names the field`, async () => {
      await fails(
        client.createProduct(aCup(changes), admin),
        Code.InvalidArgument,
        new RegExp(`^\\[.*\\] ${field}\\b`),
      );
    });
  }
});
