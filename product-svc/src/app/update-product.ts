import type { Product } from "../domain/product.ts";
import { type ProductChanges, updateProduct } from "../domain/update-product.ts";
import type { ProductStore } from "./ports.ts";
import { productNotFound } from "./product-not-found.ts";

export type UpdateProduct = (input: {
  readonly productId: string;
  readonly changes: ProductChanges;
  readonly expectedVersion: number | undefined;
}) => Promise<Product>;

/**
 * Creates the command that changes what is said about a product, or its price. It throws `not_found` PRODUCT_NOT_FOUND,
 * and what the domain refuses.
 */
export function createUpdateProduct(deps: {
  products: Pick<ProductStore, "update">;
  now: () => number;
}): UpdateProduct {
  return ({ productId, changes, expectedVersion }) => {
    const now = deps.now();
    return deps.products.update(productId, (product) => {
      if (product === undefined) throw productNotFound(productId);
      return updateProduct(product, changes, expectedVersion, now);
    });
  };
}
