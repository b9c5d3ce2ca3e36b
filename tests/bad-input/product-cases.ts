import { randomUUID } from "node:crypto";
import type { JsonObject } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { ProductService } from "@quartet/proto/shop/product/v1/product_service_pb";
import {
  adminRequired,
  type BadCall,
  badCalls,
  invalidField,
  invalidPageToken,
  notFound,
  staleEtag,
  tampered,
} from "./bad-call.ts";
import type { StockedShop } from "./stocked-shop.ts";

const { createProduct, updateProduct, archiveProduct, adjustStock, getProduct, batchGetProducts, listProducts } =
  ProductService.method;

const productNotFound = notFound("PRODUCT_NOT_FOUND");
const noRoute = notFound("ROUTE_NOT_FOUND");
const missing = `products/${randomUUID()}`;

const money = (minorUnits: string, currency = "EUR"): JsonObject => ({ currency, minorUnits });
const product = (changes: JsonObject): JsonObject => ({
  displayName: "Cup",
  category: "kitchen",
  price: money("1299"),
  ...changes,
});

const creating = badCalls(createProduct, "admin");
const creates: readonly BadCall[] = [
  creating("a product without a name", invalidField("display_name"), () => product({ displayName: "" })),
  creating("a name that is too long", invalidField("display_name"), () => product({ displayName: "x".repeat(201) })),
  creating("a description that is too long", invalidField("description"), () =>
    product({ description: "x".repeat(2_001) }),
  ),
  creating("a category in capitals", invalidField("category"), () => product({ category: "Kitchen" })),
  creating("no price", invalidField("price"), () => ({ displayName: "Cup", category: "kitchen" })),
  creating("a price of nothing", invalidField("price"), () => product({ price: money("0") })),
  creating("a price below nothing", invalidField("price"), () => product({ price: money("-1") })),
  creating("a price too high", invalidField("price"), () => product({ price: money("100000001") })),
  creating("a price beyond all money", invalidField("price"), () => product({ price: money("9223372036854775807") })),
  creating("a currency in small letters", invalidField("price.currency"), () => product({ price: money("1", "eur") })),
  creating("a stock below nothing", invalidField("initial_quantity"), () => product({ initialQuantity: -1 })),
  creating("a stock too large", invalidField("initial_quantity"), () => product({ initialQuantity: 1_000_001 })),
  badCalls(createProduct, "customer")("a customer", adminRequired, () => product({})),
];

const updating = badCalls(updateProduct, "admin");
const update = (changes: JsonObject, updateMask?: string) => (shop: StockedShop) => ({
  product: { name: shop.cup, ...changes },
  ...(updateMask === undefined ? {} : { updateMask }),
});
const updates: readonly BadCall[] = [
  updating("a stale etag", staleEtag, update({ displayName: "Mug", etag: '"99"' }, "displayName")),
  updating("an etag that was never one", staleEtag, update({ displayName: "Mug", etag: "latest" }, "displayName")),
  updating("a mask with an unknown path", invalidField("update_mask"), update({ displayName: "Mug" }, "colour")),
  updating("a mask with a path that is read only", invalidField("update_mask"), update({ version: "7" }, "version")),
  updating(
    "a mask with a part of a field",
    invalidField("update_mask"),
    update({ price: money("1") }, "price.minorUnits"),
  ),
  updating("no name where the mask wants one", invalidField("product.display_name"), update({}, "displayName")),
  updating("no category where the mask wants one", invalidField("product.category"), update({}, "category")),
  updating("no price where the mask wants one", invalidField("product.price"), update({}, "price")),
  updating("a name that is too long", invalidField("product.display_name"), update({ displayName: "x".repeat(201) })),
  updating("a price of nothing", invalidField("product.price"), update({ price: money("0") })),
  updating("a product there is not", productNotFound, () => ({ product: { name: missing, displayName: "Mug" } })),
  updating("an archived product", { code: Code.FailedPrecondition, reason: "PRODUCT_ARCHIVED" }, (shop) => ({
    product: { name: shop.archivedCup, displayName: "Mug" },
  })),
  updating("no product", invalidField("product"), () => ({}), { restRefusal: noRoute }),
  badCalls(updateProduct, "customer")("a customer", adminRequired, update({ displayName: "Mug" })),
];

const archiving = badCalls(archiveProduct, "admin");
const adjusting = badCalls(adjustStock, "admin");
const adjust = (quantityDelta: number) => (shop: StockedShop) => ({ name: shop.cup, quantityDelta });
const stock: readonly BadCall[] = [
  archiving("a stale etag", staleEtag, (shop) => ({ name: shop.cup, etag: '"99"' })),
  archiving("a product there is not", productNotFound, () => ({ name: missing })),
  badCalls(archiveProduct, "customer")("a customer", adminRequired, (shop) => ({ name: shop.cup })),
  adjusting("a change by nothing", invalidField("quantity_delta"), adjust(0)),
  adjusting("a change too large", invalidField("quantity_delta"), adjust(1_000_001)),
  adjusting(
    "to take away more than there is",
    { code: Code.FailedPrecondition, reason: "INSUFFICIENT_STOCK" },
    adjust(-1_000),
  ),
  adjusting("a product there is not", productNotFound, () => ({ name: missing, quantityDelta: 1 })),
  badCalls(adjustStock, "customer")("a customer", adminRequired, adjust(1)),
];

const listing = badCalls(listProducts, "nobody");
const reads: readonly BadCall[] = [
  badCalls(getProduct, "nobody")("a product there is not", productNotFound, () => ({ name: missing })),
  badCalls(batchGetProducts, "nobody")("one product of several there is not", productNotFound, (shop) => ({
    names: [shop.cup, missing],
  })),
  badCalls(batchGetProducts, "nobody")("no names", invalidField("names"), () => ({})),
  badCalls(batchGetProducts, "nobody")("a hundred names and one", invalidField("names"), () => ({
    names: Array.from({ length: 101 }, (_, index) => `products/${index}`),
  })),
  badCalls(batchGetProducts, "nobody")("a name twice", invalidField("names"), (shop) => ({
    names: [shop.cup, shop.cup],
  })),
  listing("a negative page size", invalidField("page_size"), () => ({ pageSize: -1 })),
  listing("a page token that was changed", invalidPageToken, ({ pageTokens }) => ({
    pageToken: tampered(pageTokens.products),
  })),
  listing("the page token of another query", invalidPageToken, ({ pageTokens }) => ({
    pageToken: pageTokens.products,
    search: "cup",
  })),
  listing("an order by what is no order", invalidField("order_by"), () => ({ orderBy: "price; drop" })),
  listing("an order by what is not for that", invalidField("order_by"), () => ({ orderBy: "id" })),
  listing("a search that is too long", invalidField("search"), () => ({ search: "x".repeat(201) })),
  listing("bounds of the price in two currencies", invalidField("max_price", "MIXED_CURRENCIES"), () => ({
    minPrice: money("1"),
    maxPrice: money("2", "USD"),
  })),
  listing("a bound of the price in no currency", invalidField("min_price.currency"), () => ({
    minPrice: { minorUnits: "1" },
  })),
];

export const productCases: readonly BadCall[] = [...creates, ...updates, ...stock, ...reads];
