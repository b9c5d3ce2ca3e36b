import type { ServiceImpl } from "@connectrpc/connect";
import { type PageTokens, readPage } from "@quartet/chassis/page-token";
import { fromName } from "@quartet/chassis/resource-name";
import { requestClaim } from "@quartet/chassis/rpc/request-claim";
import {
  AdjustStockRequestSchema,
  CreateProductRequestSchema,
  type ProductService,
} from "@quartet/proto/shop/product/v1/product_service_pb";
import { type AdjustStock, productNotFound } from "../app/adjust-stock.ts";
import type { CreateProduct } from "../app/create-product.ts";
import type { ProductQueries } from "../app/ports.ts";
import { toProductMessage } from "./product-message.ts";

/** Creates the implementation of ProductService. Who may call what is the contract's policy, enforced before it. */
export function createProductServiceImpl(deps: {
  queries: ProductQueries;
  createProduct: CreateProduct;
  adjustStock: AdjustStock;
  pageTokens: PageTokens;
}): ServiceImpl<typeof ProductService> {
  const { queries, pageTokens } = deps;
  return {
    async createProduct(request, context) {
      const { displayName, description, category, price, initialQuantity } = request;
      const money = { currency: price?.currency ?? "", minorUnits: Number(price?.minorUnits ?? 0) };
      const claim = requestClaim(context, CreateProductRequestSchema, request);
      return toProductMessage(
        await deps.createProduct({ displayName, description, category, price: money, initialQuantity }, claim),
      );
    },

    async adjustStock(request, context) {
      const { name, quantityDelta, reason } = request;
      const claim = requestClaim(context, AdjustStockRequestSchema, request);
      return toProductMessage(
        await deps.adjustStock({ productId: fromName("products", name), quantityDelta, reason }, claim),
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
      const { category } = request;
      const { items, nextPageToken } = await readPage({
        tokens: pageTokens,
        request,
        query: { list: "products", category },
        read: (afterId: string | undefined, limit) => queries.list({ category, afterId, limit }),
        cursorOf: (product) => product.id,
      });
      return { products: items.map(toProductMessage), nextPageToken };
    },
  };
}
