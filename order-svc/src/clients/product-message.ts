import { fromName } from "@quartet/chassis/resource-name";
import { Product_State, type Product as ProductMessage } from "@quartet/proto/shop/product/v1/product_pb";
import type { PricedProduct } from "../domain/place-order.ts";

/** Returns the product in a message of product-svc. Throws when it has no price. */
export function toPricedProduct(message: ProductMessage): PricedProduct {
  if (message.price === undefined) throw new Error(`${message.name} has no price`);
  return {
    id: fromName("products", message.name),
    version: Number(message.version),
    displayName: message.displayName,
    price: { currency: message.price.currency, minorUnits: Number(message.price.minorUnits) },
    archived: message.state === Product_State.ARCHIVED,
  };
}
