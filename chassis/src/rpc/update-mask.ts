import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { FieldMask } from "@bufbuild/protobuf/wkt";
import { invalidField, invalidFields } from "../domain-error.ts";

/** What is wrong with a mask when `allowed` are the paths it may have; undefined when nothing is. */
export function maskProblem(paths: readonly string[], allowed: readonly string[]): string | undefined {
  const wrong = paths.find((path) => !allowed.includes(path));
  return wrong === undefined ? undefined : `must not name "${wrong}", only ${allowed.join(", ")}`;
}

/**
 * The fields that a request changes, by their names in the contract (AIP-134): those the mask names, all that can be
 * changed for `*`, and without a mask those that are not empty in the resource. Throws `invalid` INVALID_FIELDS for a
 * path that is no field, or one that cannot be changed; the rules of the contract let a part of a field pass.
 */
export function updatedFields<D extends DescMessage, F extends string>(
  schema: D,
  resource: MessageShape<D>,
  mask: FieldMask | undefined,
  updatable: readonly F[],
): ReadonlySet<F> {
  const paths = mask?.paths ?? [];
  const problem = maskProblem(paths, [...updatable, "*"]);
  if (problem !== undefined) throw invalidField("INVALID_FIELDS", "update_mask", problem);
  if (paths.length === 0) return populated(schema, resource, updatable);
  return new Set(paths.includes("*") ? updatable : updatable.filter((field) => paths.includes(field)));
}

/**
 * Refuses to empty fields that must not be. `empty` are the fields of the resource that a request would empty, by their
 * names in the contract, and `resource` is the field of the request that holds it. Throws `invalid` INVALID_FIELDS.
 */
export function requireFilled(resource: string, empty: readonly string[]): void {
  const [first, ...others] = empty.map((name) => ({ field: `${resource}.${name}`, description: "must not be empty" }));
  if (first !== undefined) throw invalidFields([first, ...others]);
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
