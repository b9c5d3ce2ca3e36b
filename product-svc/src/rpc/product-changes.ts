import type { FieldMask } from "@bufbuild/protobuf/wkt";
import { requireFilled, updatedFields } from "@quartet/chassis/rpc/update-mask";
import { type Product as ProductMessage, ProductSchema } from "@quartet/proto/shop/product/v1/product_pb";
import type { ProductChanges } from "../domain/update-product.ts";
import { fromMoneyMessage } from "./product-message.ts";

const updatable = ["display_name", "description", "category", "price"] as const;

/**
 * Returns what a request changes of a product: the fields that its mask names, whatever else the message holds. Throws
 * `invalid` INVALID_FIELDS for a mask that names what cannot be changed, and for fields that are to become empty.
 */
export function toProductChanges(message: ProductMessage, mask: FieldMask | undefined): ProductChanges {
  const { displayName, description, category, price } = message;
  const fields = updatedFields(ProductSchema, message, mask, updatable);
  const empty = { display_name: displayName === "", description: false, category: category === "", price: !price };
  requireFilled(
    "product",
    updatable.filter((field) => fields.has(field) && empty[field]),
  );
  return {
    ...(fields.has("display_name") && { displayName }),
    ...(fields.has("description") && { description }),
    ...(fields.has("category") && { category }),
    ...(fields.has("price") && { price: fromMoneyMessage(price) }),
  };
}
