import { DomainError } from "@quartet/chassis/domain-error";
import { updatedFields } from "@quartet/chassis/rpc/update-mask";
import { type User as UserMessage, UserSchema } from "@quartet/proto/shop/user/v1/user_pb";
import type { UpdateUserRequest } from "@quartet/proto/shop/user/v1/user_service_pb";
import type { UserChanges } from "../domain/change-user.ts";

const updatable = ["display_name", "email"] as const;

/**
 * What a request changes, by its mask; everything else that it carries is ignored. Throws `invalid` INVALID_UPDATE_MASK
 * for a mask that names what cannot be changed, and INVALID_FIELDS for a field that it would make empty.
 */
export function toUserChanges(user: UserMessage, mask: UpdateUserRequest["updateMask"]): UserChanges {
  const named = updatedFields(UserSchema, user, mask, updatable);
  const changes: UserChanges = {
    ...(named.has("email") && { email: user.email }),
    ...(named.has("display_name") && { displayName: user.displayName }),
  };
  const fields = [
    { field: "user.email", value: changes.email },
    { field: "user.display_name", value: changes.displayName },
  ]
    .filter(({ value }) => value === "")
    .map(({ field }) => ({ field, description: "must not be empty" }));
  const [first] = fields;
  if (first === undefined) return changes;
  const message = fields.map(({ field, description }) => `${field}: ${description}`).join("; ");
  throw new DomainError("invalid", "INVALID_FIELDS", message, { fields });
}
