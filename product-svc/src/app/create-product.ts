import type { RequestClaim } from "@quartet/chassis/storage/unit-of-work";
import { createProduct, type NewProduct, type Product } from "../domain/product.ts";
import type { ProductStore } from "./ports.ts";

export type CreateProduct = (input: NewProduct, request: RequestClaim | undefined) => Promise<Product>;

/** Creates the command that creates a product, once for each request id. */
export function createCreateProduct(deps: {
  products: Pick<ProductStore, "create">;
  now: () => number;
  newId: () => string;
}): CreateProduct {
  return (input, request) => {
    const [id, now] = [deps.newId(), deps.now()];
    return deps.products.create(request, () => createProduct(input, id, now));
  };
}
