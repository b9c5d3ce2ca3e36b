import { DomainError } from "@quartet/chassis/domain-error";

/** The error for a product that does not exist. */
export function productNotFound(productId: string): DomainError {
  const name = `products/${productId}`;
  return new DomainError("not_found", "PRODUCT_NOT_FOUND", `${name} does not exist`, { metadata: { product: name } });
}
