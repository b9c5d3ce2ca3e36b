import type { RequestClaim } from "@quartet/chassis/storage/unit-of-work";
import { adjustStock, type Product } from "../domain/product.ts";
import type { ProductStore } from "./ports.ts";
import { productNotFound } from "./product-not-found.ts";

export type AdjustStock = (
  input: { readonly productId: string; readonly quantityDelta: number; readonly reason: string },
  request: RequestClaim | undefined,
) => Promise<Product>;

/**
 * Creates the command that adds to or takes from a product's available stock, once for each request id. It throws
 * `not_found` PRODUCT_NOT_FOUND, and what the domain refuses.
 */
export function createAdjustStock(deps: { products: Pick<ProductStore, "adjust">; now: () => number }): AdjustStock {
  return ({ productId, quantityDelta, reason }, request) => {
    const now = deps.now();
    return deps.products.adjust(productId, { reason }, request, (product) => {
      if (product === undefined) throw productNotFound(productId);
      return adjustStock(product, quantityDelta, now);
    });
  };
}
