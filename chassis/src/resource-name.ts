import { invalidField } from "./domain-error.ts";

/** Returns the resource name of an id in a collection (AIP-122): `things` and `7` make `things/7`. */
export function toName(collection: string, id: string): string {
  return `${collection}/${id}`;
}

/**
 * Returns the id in a resource name. Throws an `invalid` DomainError INVALID_NAME, about `field`, when the name is not
 * one of the collection.
 */
export function fromName(collection: string, name: string, field = "name"): string {
  const id = name.startsWith(`${collection}/`) ? name.slice(collection.length + 1) : "";
  if (id === "" || id.includes("/")) throw invalidField("INVALID_NAME", field, `must have the form ${collection}/{id}`);
  return id;
}
