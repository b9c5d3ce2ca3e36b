import { parse, stringify, v5, v7, validate } from "uuid";

/**
 * Returns a new UUID of version 7 (RFC 9562): sorted by time of creation, and within one process strictly increasing.
 */
export function newId(): string {
  return v7();
}

/** Returns the UUID of version 5 (RFC 9562) of a name in a namespace: the same for the same two. */
export function uuidV5(name: string, namespace: string): string {
  return v5(name, namespace);
}

/** Whether a text is a UUID, of any version. */
export function isUuid(text: string): boolean {
  return validate(text);
}

/** The 16 bytes of a UUID. Throws a TypeError when the text is none. */
export function uuidToBytes(uuid: string): Uint8Array {
  return parse(uuid);
}

/** The UUID of 16 bytes, in lower case. Throws a TypeError when they make none. */
export function uuidFromBytes(bytes: Uint8Array): string {
  return stringify(bytes);
}
