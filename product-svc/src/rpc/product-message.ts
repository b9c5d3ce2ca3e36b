import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { toName } from "@quartet/chassis/resource-name";
import { toEtag } from "@quartet/chassis/rpc/etag";
import { type Money as MoneyMessage, MoneySchema } from "@quartet/proto/shop/money/v1/money_pb";
import {
  Product_State,
  type Product as ProductMessage,
  ProductSchema,
} from "@quartet/proto/shop/product/v1/product_pb";
import type { Money, Product, ProductState } from "../domain/product.ts";

const states: Readonly<Record<ProductState, Product_State>> = {
  ACTIVE: Product_State.ACTIVE,
  ARCHIVED: Product_State.ARCHIVED,
};

/** Returns the message of a product. What is held or sold is nobody's business. */
export function toProductMessage(product: Product): ProductMessage {
  return create(ProductSchema, {
    name: toName("products", product.id),
    displayName: product.displayName,
    description: product.description,
    category: product.category,
    price: create(MoneySchema, { currency: product.price.currency, minorUnits: BigInt(product.price.minorUnits) }),
    availableQuantity: product.available,
    state: states[product.state],
    version: BigInt(product.version),
    createTime: timestampFromMs(product.createTime),
    updateTime: timestampFromMs(product.updateTime),
    etag: toEtag(product.version),
  });
}

/** Returns the amount in a message; nothing in no currency when it is missing. */
export function fromMoneyMessage(message: MoneyMessage | undefined): Money {
  return { currency: message?.currency ?? "", minorUnits: Number(message?.minorUnits ?? 0) };
}
