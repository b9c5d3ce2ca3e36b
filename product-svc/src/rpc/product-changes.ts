import type { FieldMask } from "@bufbuild/protobuf/wkt";
import { DomainError } from "@quartet/chassis/domain-error";
import { updatedFields } from "@quartet/chassis/rpc/update-mask";
import { type Product as ProductMessage, ProductSchema } from "@quartet/proto/shop/product/v1/product_pb";
import type { ProductChanges } from "../domain/update-product.ts";
import { fromMoneyMessage } from "./product-message.ts";

const updatable = ["display_name", "description", "category", "price"] as const;

/**
 * Returns what a request changes of a product: the fields that its mask names, whatever else the message holds. Throws
 * `invalid` INVALID_UPDATE_MASK, and INVALID_FIELDS for fields that are to become empty and must not.
 */
export function toProductChanges(message: ProductMessage, mask: FieldMask | undefined): ProductChanges {
  const { displayName, description, category, price } = message;
  const fields = updatedFields(ProductSchema, message, mask, updatable);
  const empty = { display_name: displayName === "", description: false, category: category === "", price: !price };
  requireFilled(updatable.filter((field) => fields.has(field) && empty[field]));
  return {
    ...(fields.has("display_name") && { displayName }),
    ...(fields.has("description") && { description }),
    ...(fields.has("category") && { category }),
    ...(fields.has("price") && { price: fromMoneyMessage(price) }),
  };
}

function requireFilled(empty: readonly string[]): void {
  const fields = empty.map((name) => ({ field: `product.${name}`, description: "must not be empty" }));
  const [first] = fields;
  if (first === undefined) return;
  const more = fields.length > 1 ? ` (and ${fields.length - 1} more)` : "";
  throw new DomainError("invalid", "INVALID_FIELDS", `${first.field}: ${first.description}${more}`, { fields });
}
