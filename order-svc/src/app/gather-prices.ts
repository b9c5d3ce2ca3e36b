import { DomainError } from "@quartet/chassis/domain-error";
import { type OrderRequest, type PricedProduct, unknownProduct } from "../domain/place-order.ts";
import type { KnownProduct, ProductCatalogue, ProductReplica } from "./ports.ts";

export type GatherPrices = (request: OrderRequest) => Promise<ReadonlyMap<string, PricedProduct>>;

/** After how long a caller may try again for whom a price is missing. */
const retryDelayMs = 2_000;

/**
 * Creates the step that finds the prices of an order. What the replica knows to be true within `priceMaxAgeMs` is taken as
 * it is; product-svc is asked for the rest, and its answer is kept. When it does not answer, an older price is taken; a
 * product of which nothing is known makes it throw `unavailable` PRICES_UNAVAILABLE. A product that does not exist throws
 * `invalid` UNKNOWN_PRODUCT.
 */
export function createGatherPrices(deps: {
  products: Pick<ProductReplica, "find" | "confirm">;
  catalogue: ProductCatalogue;
  now: () => number;
  priceMaxAgeMs: number;
}): GatherPrices {
  const { products, catalogue, now, priceMaxAgeMs } = deps;
  return async (request) => {
    const ids = request.lines.map((line) => line.productId);
    const known = await products.find(ids);
    const askTime = now();
    const stale = ids.filter((id) => {
      const product = known.get(id);
      if (product === undefined) return true;
      // What seems true in the future is from a clock that has been set back since.
      return product.confirmTime < askTime - priceMaxAgeMs || product.confirmTime > askTime;
    });
    if (stale.length === 0) return known;

    const missing = stale.find((id) => !known.has(id));
    const answer = await catalogue.fetch(stale, missing === undefined ? "fresher" : "missing");
    switch (answer.kind) {
      case "found": {
        const confirmed = answer.products.map((product) => ({ ...product, confirmTime: askTime }));
        await products.confirm(confirmed);
        return newest(known, confirmed);
      }
      case "unknown":
        throw unknownProduct(request, answer.productId);
      case "unavailable":
        if (missing !== undefined) throw pricesUnavailable(missing);
        return known;
    }
  };
}

function newest(known: ReadonlyMap<string, KnownProduct>, confirmed: readonly KnownProduct[]) {
  const products = new Map(known);
  for (const product of confirmed) {
    // An event may be ahead of the answer.
    if (product.version >= (known.get(product.id)?.version ?? 0)) products.set(product.id, product);
  }
  return products;
}

function pricesUnavailable(productId: string): DomainError {
  const product = `products/${productId}`;
  return new DomainError("unavailable", "PRICES_UNAVAILABLE", `the price of ${product} is not known at the moment`, {
    metadata: { product },
    retryDelayMs,
  });
}
