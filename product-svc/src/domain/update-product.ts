import { requireVersion } from "@quartet/chassis/domain-error";
import { type Product, type ProductDecision, type ProductDescription, productArchived } from "./product.ts";

/** What an administrator can say anew about a product; what is left out stays as it is. */
export type ProductChanges = Partial<ProductDescription>;

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
  if (changesNothing(product, changes)) return { next: product, events: [] };
  const next = { ...product, ...changes, version: product.version + 1, updateTime: now };
  return { next, events: [{ kind: "updated", product: next }] };
}

function changesNothing(product: Product, { price = product.price, ...texts }: ProductChanges): boolean {
  const { currency, minorUnits } = product.price;
  const fields = Object.keys(texts) as (keyof typeof texts)[];
  return (
    price.currency === currency &&
    price.minorUnits === minorUnits &&
    fields.every((field) => texts[field] === product[field])
  );
}
