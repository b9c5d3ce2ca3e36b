import type { FieldMask } from "@bufbuild/protobuf/wkt";
import { requireFilled, updatedFields } from "@quartet/chassis/rpc/update-mask";
import { type User as UserMessage, UserSchema } from "@quartet/proto/shop/user/v1/user_pb";
import type { UserChanges } from "../domain/change-user.ts";

const updatable = ["display_name", "email"] as const;

/**
 * Returns what a request changes of a user: the fields that its mask names, whatever else the message holds. Throws
 * `invalid` INVALID_FIELDS for a mask that names what cannot be changed, and for fields that are to become empty.
 */
export function toUserChanges(message: UserMessage, mask: FieldMask | undefined): UserChanges {
  const { displayName, email } = message;
  const fields = updatedFields(UserSchema, message, mask, updatable);
  const empty = { display_name: displayName === "", email: email === "" };
  requireFilled(
    "user",
    updatable.filter((field) => fields.has(field) && empty[field]),
  );
  return {
    ...(fields.has("display_name") && { displayName }),
    ...(fields.has("email") && { email }),
  };
}
