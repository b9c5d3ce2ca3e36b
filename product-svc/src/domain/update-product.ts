import { requireVersion } from "@quartet/chassis/domain-error";
import { type Product, type ProductDecision, productArchived } from "./product.ts";

/** What an administrator can say anew about a product; what is left out stays as it is. */
export type ProductChanges = Partial<Pick<Product, "displayName" | "description" | "category" | "price">>;

/**
 * Changes what is said about a product, or its price, which may get another currency: it is one value. A change that
 * changes nothing leaves the version as it is. Throws `failed_precondition` PRODUCT_ARCHIVED, whatever version is
 * expected, since no later try would succeed; and `aborted` ETAG_MISMATCH when another version is expected than the
 * product has.
 */
export function updateProduct(
  product: Product,
  changes: ProductChanges,
  expectedVersion: number | undefined,
  now: number,
): ProductDecision {
  if (product.state === "ARCHIVED") throw productArchived(product.id);
  requireVersion(product.version, expectedVersion);
  const changed: Product = { ...product, ...changes };
  if (isSame(changed, product)) return { next: product, events: [] };
  const next = { ...changed, version: product.version + 1, updateTime: now };
  return { next, events: [{ kind: "updated", product: next }] };
}

function isSame(a: Product, b: Product): boolean {
  return (
    a.displayName === b.displayName &&
    a.description === b.description &&
    a.category === b.category &&
    a.price.currency === b.price.currency &&
    a.price.minorUnits === b.price.minorUnits
  );
}
