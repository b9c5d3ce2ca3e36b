import type { FieldMask } from "@bufbuild/protobuf/wkt";
import { requireFilled, updatedFields } from "@quartet/chassis/rpc/update-mask";
import {
  type SampleItem as SampleItemMessage,
  SampleItemSchema,
} from "@quartet/proto/shop/sample_item/v1/sample_item_pb";
import type { SampleItemChanges } from "../domain/sample-item.ts";

const updatable = ["display_name"] as const;

/**
 * Returns what a request changes of a sample item: the fields that its mask names, whatever else the message holds.
 * Throws `invalid` INVALID_FIELDS for a mask that names what cannot be changed, and for fields that are to become empty.
 */
export function toSampleItemChanges(message: SampleItemMessage, mask: FieldMask | undefined): SampleItemChanges {
  const { displayName } = message;
  const fields = updatedFields(SampleItemSchema, message, mask, updatable);
  const empty = { display_name: displayName === "" };
  requireFilled(
    "sample_item",
    updatable.filter((field) => fields.has(field) && empty[field]),
  );
  return {
    ...(fields.has("display_name") && { displayName }),
  };
}
