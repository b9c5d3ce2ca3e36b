import type { IncomingMessage } from "@quartet/chassis/storage/messages";
import type { Product } from "../domain/product.ts";

/** A product to test with: an active cup at 12.99 EUR, ten available. */
export function aProduct(changes: Partial<Product> = {}): Product {
  return {
    id: "cup",
    displayName: "Cup",
    description: "Holds tea.",
    category: "kitchen",
    price: { currency: "EUR", minorUnits: 1299 },
    available: 10,
    held: 0,
    sold: 0,
    state: "ACTIVE",
    version: 1,
    createTime: 0,
    updateTime: 0,
    ...changes,
  };
}

/** Products by id, as decisions get them. */
export function productsById(...products: Product[]): ReadonlyMap<string, Product> {
  return new Map(products.map((product) => [product.id, product]));
}

/** A message as the consumer hands it on; its content does not matter to whoever only claims it. */
export function aMessage(id: string): IncomingMessage {
  return {
    id,
    type: "test.Event",
    aggregate: "tests/1",
    version: 1,
    payload: new Uint8Array(),
    time: 0,
    redelivered: false,
  };
}
