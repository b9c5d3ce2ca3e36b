import { archiveProduct } from "../domain/archive-product.ts";
import type { Product } from "../domain/product.ts";
import type { ProductStore } from "./ports.ts";
import { productNotFound } from "./product-not-found.ts";

export type ArchiveProduct = (input: {
  readonly productId: string;
  readonly expectedVersion: number | undefined;
}) => Promise<Product>;

/**
 * Creates the command that archives a product; an archived one is returned as it is. It throws `not_found`
 * PRODUCT_NOT_FOUND, and what the domain refuses.
 */
export function createArchiveProduct(deps: {
  products: Pick<ProductStore, "update">;
  now: () => number;
}): ArchiveProduct {
  return ({ productId, expectedVersion }) => {
    const now = deps.now();
    return deps.products.update(productId, (product) => {
      if (product === undefined) throw productNotFound(productId);
      return archiveProduct(product, expectedVersion, now);
    });
  };
}
