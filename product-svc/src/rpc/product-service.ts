import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { type PageTokens, readPage } from "@quartet/chassis/page-token";
import { fromName } from "@quartet/chassis/resource-name";
import { expectedVersion } from "@quartet/chassis/rpc/etag";
import { requestClaim } from "@quartet/chassis/rpc/request-claim";
import { ProductSchema } from "@quartet/proto/shop/product/v1/product_pb";
import {
  AdjustStockRequestSchema,
  CreateProductRequestSchema,
  type ProductService,
} from "@quartet/proto/shop/product/v1/product_service_pb";
import type { AdjustStock } from "../app/adjust-stock.ts";
import type { ArchiveProduct } from "../app/archive-product.ts";
import type { CreateProduct } from "../app/create-product.ts";
import type { ProductPosition, ProductQueries } from "../app/ports.ts";
import { productNotFound } from "../app/product-not-found.ts";
import type { UpdateProduct } from "../app/update-product.ts";
import { toProductChanges } from "./product-changes.ts";
import { fromMoneyMessage, toProductMessage } from "./product-message.ts";
import { toProductQuery } from "./product-query.ts";

/** Creates the implementation of ProductService. Who may call what is the contract's policy, enforced before it. */
export function createProductServiceImpl(deps: {
  queries: ProductQueries;
  createProduct: CreateProduct;
  adjustStock: AdjustStock;
  updateProduct: UpdateProduct;
  archiveProduct: ArchiveProduct;
  pageTokens: PageTokens;
}): ServiceImpl<typeof ProductService> {
  const { queries, pageTokens } = deps;
  return {
    async createProduct(request, context) {
      const { displayName, description, category, initialQuantity } = request;
      const price = fromMoneyMessage(request.price);
      const claim = requestClaim(context, CreateProductRequestSchema, request);
      return toProductMessage(
        await deps.createProduct({ displayName, description, category, price, initialQuantity }, claim),
      );
    },

    async adjustStock(request, context) {
      const { name, quantityDelta, reason } = request;
      const claim = requestClaim(context, AdjustStockRequestSchema, request);
      return toProductMessage(
        await deps.adjustStock({ productId: fromName("products", name), quantityDelta, reason }, claim),
      );
    },

    async updateProduct({ product = create(ProductSchema), updateMask }) {
      return toProductMessage(
        await deps.updateProduct({
          productId: fromName("products", product.name, "product.name"),
          changes: toProductChanges(product, updateMask),
          expectedVersion: expectedVersion(product.etag),
        }),
      );
    },

    async archiveProduct({ name, etag }) {
      return toProductMessage(
        await deps.archiveProduct({ productId: fromName("products", name), expectedVersion: expectedVersion(etag) }),
      );
    },

    async getProduct({ name }) {
      const productId = fromName("products", name);
      const product = await queries.get(productId);
      if (product === undefined) throw productNotFound(productId);
      return toProductMessage(product);
    },

    async batchGetProducts({ names }) {
      const ids = names.map((name, index) => fromName("products", name, `names[${index}]`));
      const found = await queries.getMany(ids);
      return {
        products: ids.map((id) => {
          const product = found.get(id);
          if (product === undefined) throw productNotFound(id);
          return toProductMessage(product);
        }),
      };
    },

    async listProducts(request) {
      const query = toProductQuery(request);
      const { items, nextPageToken } = await readPage({
        tokens: pageTokens,
        request,
        query: { list: "products", ...query },
        read: (after: ProductPosition | undefined, limit) => queries.list(query, after, limit),
        cursorOf: ({ position }) => position,
      });
      return { products: items.map(({ product }) => toProductMessage(product)), nextPageToken };
    },
  };
}
