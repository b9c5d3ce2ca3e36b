import { createHash } from "node:crypto";
import { clearField, clone, type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import type { HandlerContext } from "@connectrpc/connect";
import { invalidField } from "../domain-error.ts";
import { isUuid, uuidV5 } from "../ids.ts";
import type { RequestClaim } from "../storage/unit-of-work.ts";
import { callerName, callerOf } from "./caller.ts";
import { methodPath } from "./policy.ts";

const requestIdField = "request_id";
const idempotencyKeyHeader = "idempotency-key";
const idempotencyKeyLengthMax = 255;
// All that gRPC can carry. Of another key, its callers' repetitions would go unnoticed.
const idempotencyKeyForm = /^[ -~]*$/;
const idempotencyKeyNamespace = "6f0b8a52-3f0e-5c8e-9d1c-2a7f5b1f4f7e";

/**
 * What makes a call repeatable: its request id, from the field `request_id` or else the header `idempotency-key` (made a
 * UUID of version 5 when it is none), together with the caller, the method and a hash of what is asked. Undefined when
 * the caller gave no id.
 *
 * The hash covers every field the service knows except `request_id` and those named in `omit` (by their names in the
 * contract): leave out what must not be compared, as a password, of which not even a hash may be stored.
 * Throws `invalid` INVALID_REQUEST_ID for an id that cannot be one.
 */
export function requestClaim<D extends DescMessage>(
  context: HandlerContext,
  schema: D,
  message: MessageShape<D>,
  options: { readonly omit?: readonly string[] } = {},
): RequestClaim | undefined {
  const requestId = requestIdOf(context, schema, message);
  if (requestId === undefined) return undefined;
  const caller = callerName(callerOf(context));
  const method = methodPath(context.method);
  return { caller, method, requestId, hash: hashOf(schema, message, options.omit ?? []) };
}

function requestIdOf<D extends DescMessage>(
  context: HandlerContext,
  schema: D,
  message: MessageShape<D>,
): string | undefined {
  const field = schema.fields.find((candidate) => candidate.name === requestIdField);
  const value: unknown = field === undefined ? "" : reflect(schema, message).get(field);
  if (typeof value === "string" && value !== "") {
    if (!isUuid(value)) throw invalidField("INVALID_REQUEST_ID", requestIdField, "must be a UUID");
    return value.toLowerCase();
  }
  const key = context.requestHeader.get(idempotencyKeyHeader)?.trim() ?? "";
  if (key === "") return undefined;
  if (key.length > idempotencyKeyLengthMax) {
    const limit = `must be at most ${idempotencyKeyLengthMax} characters long`;
    throw invalidField("INVALID_REQUEST_ID", idempotencyKeyHeader, limit);
  }
  if (!idempotencyKeyForm.test(key)) {
    throw invalidField("INVALID_REQUEST_ID", idempotencyKeyHeader, "must be printable ASCII");
  }
  return isUuid(key) ? key.toLowerCase() : uuidV5(key, idempotencyKeyNamespace);
}

function hashOf<D extends DescMessage>(schema: D, message: MessageShape<D>, omit: readonly string[]): string {
  const copy = clone(schema, message);
  for (const name of [requestIdField, ...omit]) {
    const field = schema.fields.find((candidate) => candidate.name === name);
    if (field !== undefined) clearField(copy, field);
    else if (name !== requestIdField) throw new Error(`${schema.typeName} has no field ${name}`);
  }
  sortMaps(reflect(schema, copy));
  const bytes = toBinary(schema, copy, { writeUnknownFields: false });
  return createHash("sha256").update(bytes).digest("hex");
}

// Binary form writes fields in the order of their numbers but map entries as they come: two equal maps may differ.
function sortMaps(message: ReflectMessage): void {
  for (const field of message.fields) {
    if (field.fieldKind === "map") {
      const map = message.get(field);
      const entries = [...map].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
      map.clear();
      for (const [key, value] of entries) {
        if (field.mapKind === "message") sortMaps(value as ReflectMessage);
        map.set(key, value);
      }
    } else if (field.fieldKind === "message" && message.isSet(field)) {
      sortMaps(message.get(field));
    } else if (field.fieldKind === "list" && field.listKind === "message") {
      for (const item of message.get(field)) sortMaps(item as ReflectMessage);
    }
  }
}
