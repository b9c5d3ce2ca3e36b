import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { FieldMask } from "@bufbuild/protobuf/wkt";
import { invalidField } from "../domain-error.ts";

/**
 * The fields that a request changes, by their names in the contract (AIP-134): those the mask names, all that can be
 * changed for `*`, and without a mask those that are not empty in the resource. Throws `invalid` INVALID_UPDATE_MASK for
 * a path that is no field, or one that cannot be changed.
 */
export function updatedFields<D extends DescMessage, F extends string>(
  schema: D,
  resource: MessageShape<D>,
  mask: FieldMask | undefined,
  updatable: readonly F[],
): ReadonlySet<F> {
  const paths = mask?.paths ?? [];
  if (paths.length === 0) return populated(schema, resource, updatable);
  const named = new Set<F>();
  for (const path of paths) {
    const fields = path === "*" ? updatable : updatable.filter((field) => field === path);
    if (fields.length === 0) {
      const allowed = updatable.join(", ");
      throw invalidField("INVALID_UPDATE_MASK", "update_mask", `"${path}" cannot be changed; ${allowed} and * can`);
    }
    for (const field of fields) named.add(field);
  }
  return named;
}

function populated<D extends DescMessage, F extends string>(
  schema: D,
  resource: MessageShape<D>,
  updatable: readonly F[],
): ReadonlySet<F> {
  const message = reflect(schema, resource);
  return new Set(
    updatable.filter((name) => {
      const field = schema.fields.find((candidate) => candidate.name === name);
      if (field === undefined) throw new Error(`${schema.typeName} has no field ${name}`);
      return message.isSet(field);
    }),
  );
}
