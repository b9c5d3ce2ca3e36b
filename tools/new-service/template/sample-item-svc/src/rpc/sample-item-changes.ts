import type { FieldMask } from "@bufbuild/protobuf/wkt";
import { invalidField } from "@quartet/chassis/domain-error";
import { updatedFields } from "@quartet/chassis/rpc/update-mask";
import {
  type SampleItem as SampleItemMessage,
  SampleItemSchema,
} from "@quartet/proto/shop/sample_item/v1/sample_item_pb";
import type { SampleItemChanges } from "../domain/sample-item.ts";

const updatable = ["display_name"] as const;

/**
 * Returns what a request changes of a sample item: the fields that its mask names, whatever else the message holds.
 * Throws `invalid` INVALID_UPDATE_MASK, and INVALID_FIELDS for a field that is to become empty and must not.
 */
export function toSampleItemChanges(message: SampleItemMessage, mask: FieldMask | undefined): SampleItemChanges {
  const { displayName } = message;
  const fields = updatedFields(SampleItemSchema, message, mask, updatable);
  const empty = { display_name: displayName === "" };
  for (const field of updatable) {
    if (!fields.has(field) || !empty[field]) continue;
    throw invalidField("INVALID_FIELDS", `sample_item.${field}`, "must not be empty");
  }
  return {
    ...(fields.has("display_name") && { displayName }),
  };
}
