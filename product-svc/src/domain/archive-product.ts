import { requireVersion } from "@quartet/chassis/domain-error";
import type { Product, ProductDecision } from "./product.ts";

/**
 * Archives a product for good: it can be read and no longer ordered. What orders hold of it can still be sold and given
 * back. An archived one stays as it is, whatever version is expected: the call that archived it may be a repeated one,
 * whose etag is older for that very reason. Throws `aborted` ETAG_MISMATCH when another version is expected than the
 * product has.
 */
export function archiveProduct(product: Product, expectedVersion: number | undefined, now: number): ProductDecision {
  if (product.state === "ARCHIVED") return { next: product, events: [] };
  requireVersion(product.version, expectedVersion);
  const next: Product = { ...product, state: "ARCHIVED", version: product.version + 1, updateTime: now };
  return { next, events: [{ kind: "archived", product: next }] };
}
