import assert from "node:assert/strict";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { newId } from "@quartet/chassis/ids";
import { errorInfoOf } from "@quartet/chassis/rpc/error-details";
import { eq } from "@quartet/chassis/storage/drizzle";
import { outbox } from "@quartet/chassis/storage/schema";
import { BadRequestSchema } from "@quartet/proto/google/rpc/error_details_pb";
import type { Product, ProductSchema } from "@quartet/proto/shop/product/v1/product_pb";
import type {
  AdjustStockRequestSchema,
  CreateProductRequestSchema,
  ListProductsRequestSchema,
  ProductService,
} from "@quartet/proto/shop/product/v1/product_service_pb";
import { after, before, beforeEach, describe, it } from "mocha";
import { availableMax } from "../domain/product.ts";
import { type ServedProducts, serveProducts } from "../testing/serve-products.ts";

/** Code, reason and field of an error. */
type Refusal = readonly [code: Code, reason: string, field?: string];

const invalid = (field: string, reason = "INVALID_FIELDS"): Refusal => [Code.InvalidArgument, reason, field];
const notFound: Refusal = [Code.NotFound, "PRODUCT_NOT_FOUND"];
const stale: Refusal = [Code.Aborted, "ETAG_MISMATCH", "etag"];
const reused: Refusal = [Code.AlreadyExists, "REQUEST_ID_REUSED", "request_id"];
const euros = (minorUnits: bigint) => ({ currency: "EUR", minorUnits });

const names = ["", "products/", "products", "users/1", "products/a/b", "products/ü", `products/${"a".repeat(65)}`];
const badPrices = [
  ["nothing", euros(0n), ""],
  ["less than nothing", euros(-1n), ""],
  ["more than the most", euros(100_000_001n), ""],
  ["as much as a number holds", euros(9_223_372_036_854_775_807n), ""],
  ["something in no currency", { minorUnits: 1n }, ".currency"],
  ["something in a currency in small letters", { currency: "eur", minorUnits: 1n }, ".currency"],
  ["something in a currency of four letters", { currency: "EURO", minorUnits: 1n }, ".currency"],
  ["something in a sign", { currency: "€€€", minorUnits: 1n }, ".currency"],
] as const;
const badCategories = ["Kitchen", "kitchen tools", "-kitchen", "kitchen-", "küche", "a".repeat(51), "kitchen\n"];

describe("ProductService refuses", () => {
  let served: ServedProducts;
  let client: Client<typeof ProductService>;
  let cup: Product;

  // One for all: the first call of a server compiles the rules of the contract, which takes longer than all else.
  before(async () => {
    served = await serveProducts();
    client = served.client;
  });
  beforeEach(async () => {
    const tables = ["outbox", "request_claims", "stock_adjustments", "products"];
    for (const table of tables) served.database.sqlite.exec(`DELETE FROM ${table}`);
    cup = await client.createProduct({ ...aCup, initialQuantity: 10 }, served.admin);
  });
  after(() => served.close());

  const aCup = { displayName: "Cup", category: "kitchen", price: euros(1299n) };

  const told = () => served.database.orm.select().from(outbox).all();
  const forgetAllButTheFirst = () => {
    for (const { seq } of told().slice(1)) served.database.orm.delete(outbox).where(eq(outbox.seq, seq)).run();
  };

  /** Makes the call, and asserts that it is refused so and that nothing has changed or was told. */
  async function refuses(call: Promise<unknown>, [code, reason, field]: Refusal): Promise<void> {
    const error = await call.then(
      () => assert.fail("the call succeeded"),
      (thrown: unknown) => ConnectError.from(thrown),
    );
    const [badRequest] = error.findDetails(BadRequestSchema);
    assert.deepEqual(
      [Code[error.code], errorInfoOf(error)?.reason, badRequest?.fieldViolations[0]?.field],
      [Code[code], reason, field],
      error.message,
    );
    if (field !== undefined) assert.ok(error.rawMessage.startsWith(field), `${error.rawMessage} names ${field}`);
    assert.equal(told().length, 1);
    assert.deepEqual(await client.getProduct({ name: cup.name }), cup);
  }

  describe("to create", () => {
    const create = (changes: Partial<typeof aCup> | MessageInitShape<typeof CreateProductRequestSchema>) =>
      client.createProduct(
        { ...aCup, ...changes } as MessageInitShape<typeof CreateProductRequestSchema>,
        served.admin,
      );

    for (const [what, changes, field] of [
      ["a product without a name", { displayName: "" }, "display_name"],
      ["a name that is too long", { displayName: "x".repeat(201) }, "display_name"],
      ["a description that is too long", { description: "x".repeat(2001) }, "description"],
      ["a product without a category", { category: "" }, "category"],
      ["a product without a price", { price: undefined }, "price"],
      ["with less than no stock", { initialQuantity: -1 }, "initial_quantity"],
      ["with more stock than at once", { initialQuantity: 1_000_001 }, "initial_quantity"],
      ["for a request id that is none", { requestId: "first" }, "request_id"],
    ] as const) {
      it(what, () => refuses(create(changes), invalid(field)));
    }
    for (const category of badCategories) {
      it(`in the category ${JSON.stringify(category)}`, () => refuses(create({ category }), invalid("category")));
    }
    for (const [what, price, path] of badPrices) {
      it(`what costs ${what}`, () => refuses(create({ price }), invalid(`price${path}`)));
    }

    it("something else for the same request id", async () => {
      const requestId = newId();
      const names = [await create({ requestId }), await create({ requestId })].map(({ name }) => name);
      assert.equal(names[0], names[1]);
      forgetAllButTheFirst();
      await refuses(create({ requestId, displayName: "Pot" }), reused);
    });
  });

  describe("to adjust", () => {
    const adjust = (changes: MessageInitShape<typeof AdjustStockRequestSchema>) =>
      client.adjustStock({ name: cup.name, quantityDelta: 1, ...changes }, served.admin);

    for (const name of names) {
      it(`the stock of ${JSON.stringify(name)}`, () => refuses(adjust({ name }), invalid("name")));
    }
    for (const [what, changes, refusal] of [
      ["a stock by nothing", { quantityDelta: 0 }, invalid("quantity_delta")],
      ["a stock by more than at once", { quantityDelta: 1_000_001 }, invalid("quantity_delta")],
      ["a stock by as little as a number holds", { quantityDelta: -2_147_483_648 }, invalid("quantity_delta")],
      ["a stock for a reason that is too long", { reason: "x".repeat(201) }, invalid("reason")],
      ["a stock for a request id that is none", { requestId: "first" }, invalid("request_id")],
      ["the stock of a product that does not exist", { name: "products/none" }, notFound],
      ["a stock below nothing", { quantityDelta: -11 }, [Code.FailedPrecondition, "INSUFFICIENT_STOCK"]],
    ] as const) {
      it(what, () => refuses(adjust(changes), refusal));
    }

    it("a stock beyond what one can hold", async () => {
      served.database.sqlite.exec(`UPDATE products SET available = ${availableMax}`);
      cup = await client.getProduct({ name: cup.name });
      await refuses(adjust({}), [Code.FailedPrecondition, "STOCK_LIMIT_EXCEEDED"]);
    });

    it("otherwise for the same request id", async () => {
      const requestId = newId();
      cup = await adjust({ requestId });
      forgetAllButTheFirst();
      for (const other of [{ quantityDelta: 2 }, { reason: "count" }]) {
        await refuses(adjust({ requestId, ...other }), reused);
      }
    });
  });

  describe("to update", () => {
    // The product as it was read, with some fields written over.
    const update = (changes: MessageInitShape<typeof ProductSchema>, ...paths: string[]) => {
      const { $typeName: _, ...read } = cup;
      return client.updateProduct({ product: { ...read, ...changes }, updateMask: { paths } }, served.admin);
    };

    it("no product at all", () => refuses(client.updateProduct({}, served.admin), invalid("product")));
    for (const name of names) {
      it(`${JSON.stringify(name)}`, () => refuses(update({ name }), invalid("product.name")));
    }
    for (const [what, product, paths, field] of [
      ["to an empty name", { displayName: "" }, ["display_name"], "product.display_name"],
      ["to a name that is too long", { displayName: "x".repeat(201) }, ["display_name"], "product.display_name"],
      ["to a description that is too long", { description: "x".repeat(2001) }, [], "product.description"],
      ["to no category", { category: "" }, ["description", "category"], "product.category"],
      ["to no price", { price: undefined }, ["price"], "product.price"],
      ["all of it to nothing", { displayName: "", price: undefined }, ["*"], "product.display_name"],
    ] as const) {
      it(what, () => refuses(update(product, ...paths), invalid(field)));
    }
    for (const category of badCategories) {
      it(`to the category ${JSON.stringify(category)}`, () =>
        refuses(update({ category }, "category"), invalid("product.category")));
    }
    for (const [what, price, path] of badPrices) {
      it(`to a price of ${what}`, () => refuses(update({ price }, "price"), invalid(`product.price${path}`)));
    }
    for (const path of [
      "version",
      "name",
      "etag",
      "state",
      "available_quantity",
      "create_time",
      "displayName",
      "colour",
    ]) {
      it(`the field ${path}`, () =>
        refuses(update({ displayName: "Mug" }, "display_name", path), invalid("update_mask")));
    }
    for (const path of ["price.currency", "price.minor_units", "display_name.x"]) {
      it(`a part of a field, ${path}`, () => refuses(update({ price: euros(1n) }, path), invalid("update_mask")));
    }
    for (const path of ["colour", "price.currency"]) {
      it(`the path ${path}, and names it`, () =>
        assert.rejects(update({ displayName: "Mug" }, "display_name", path), {
          rawMessage: `update_mask: must not name "${path}", only display_name, description, category, price, *`,
        }));
    }
    for (const etag of ['"0"', '"2"', "1", "*", "stale", 'W/"2"', `"${"9".repeat(30)}"`]) {
      it(`what has another etag than ${etag}`, () => refuses(update({ displayName: "Mug", etag }), stale));
    }
    it("what has another etag, also when nothing would change", () => refuses(update({ etag: '"2"' }), stale));
    it("an etag that is too long", () => refuses(update({ etag: "x".repeat(65) }), invalid("product.etag")));
    it("a product that does not exist", () => refuses(update({ name: "products/none" }), notFound));
  });

  describe("to archive", () => {
    const archive = (name: string, etag = "") => client.archiveProduct({ name, etag }, served.admin);
    for (const name of names) it(`${JSON.stringify(name)}`, () => refuses(archive(name), invalid("name")));
    it("what has another etag", () => refuses(archive(cup.name, '"2"'), stale));
    it("an etag that is too long", () => refuses(archive(cup.name, "x".repeat(65)), invalid("etag")));
    it("a product that does not exist", () => refuses(archive("products/none"), notFound));
  });

  describe("to get", () => {
    for (const name of names) {
      it(`${JSON.stringify(name)}, alone or among others`, async () => {
        await refuses(client.getProduct({ name }), invalid("name"));
        await refuses(client.batchGetProducts({ names: [cup.name, name] }), invalid("names[1]"));
      });
    }
    it("a product that does not exist", async () => {
      await refuses(client.getProduct({ name: "products/none" }), notFound);
      await refuses(client.batchGetProducts({ names: [cup.name, "products/none"] }), notFound);
    });
    it("no product, too many, and one twice", async () => {
      const tooMany = Array.from({ length: 101 }, (_, index) => `products/${index}`);
      for (const names of [[], tooMany, [cup.name, cup.name]]) {
        await refuses(client.batchGetProducts({ names }), invalid("names"));
      }
    });
  });

  describe("to list", () => {
    const list = (request: MessageInitShape<typeof ListProductsRequestSchema>) => client.listProducts(request);
    for (const [what, request, refusal] of [
      ["less than nothing", { pageSize: -1 }, invalid("page_size")],
      ["more than a page can be asked to hold", { pageSize: 1001 }, invalid("page_size")],
      ["a category that is too long", { category: "x".repeat(51) }, invalid("category")],
      ["a search that is too long", { search: "x".repeat(201) }, invalid("search")],
      ["from a price in no currency", { minPrice: { minorUnits: 1n } }, invalid("min_price.currency")],
      ["to a price below nothing", { maxPrice: euros(-1n) }, invalid("max_price.minor_units")],
      ["to a price beyond money", { maxPrice: euros(1_000_000_000_001n) }, invalid("max_price.minor_units")],
      [
        "from euros to dollars",
        { minPrice: euros(1n), maxPrice: { currency: "USD", minorUnits: 2n } },
        invalid("max_price", "MIXED_CURRENCIES"),
      ],
      ["from a token that is none", { pageToken: "next" }, invalid("page_token", "INVALID_PAGE_TOKEN")],
      ["from a token that is too long", { pageToken: "x".repeat(1001) }, invalid("page_token")],
    ] as const) {
      it(what, () => refuses(list(request), refusal));
    }
    for (const orderBy of [
      "id",
      "price; drop",
      "price DESC",
      "price,display_name",
      " price",
      "price  desc",
      "price\n",
      "version",
      "desc",
      "display_name descending",
    ]) {
      it(`in the order ${JSON.stringify(orderBy)}`, () => refuses(list({ orderBy }), invalid("order_by")));
    }

    it("from where another query ended, or from a token that was changed", async () => {
      const query = {
        category: "kitchen",
        search: "cup",
        minPrice: euros(1n),
        maxPrice: euros(5000n),
        orderBy: "price",
      };
      await client.createProduct(aCup, served.admin);
      forgetAllButTheFirst();
      const { nextPageToken: pageToken } = await list({ ...query, pageSize: 1 });
      assert.equal((await list({ ...query, pageToken })).products.length, 1);
      const refusal = invalid("page_token", "INVALID_PAGE_TOKEN");
      for (const other of [
        { category: "" },
        { search: "cu" },
        { minPrice: euros(2n) },
        { minPrice: undefined },
        { maxPrice: euros(4999n) },
        { minPrice: undefined, maxPrice: undefined },
        { orderBy: "price desc" },
        { orderBy: "" },
      ]) {
        await refuses(list({ ...query, ...other, pageToken }), refusal);
      }
      const changed = `${pageToken.slice(0, -1)}${pageToken.endsWith("A") ? "B" : "A"}`;
      await refuses(list({ ...query, pageToken: changed }), refusal);
    });
  });
});
