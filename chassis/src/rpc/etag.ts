/** The etag of a version of a resource (AIP-154): opaque to callers, and another one after each change. */
export function toEtag(version: number): string {
  return `"${version}"`;
}

/** A version that no resource has. */
const noVersion = 0;

/**
 * The version that a caller expects by the etag of an earlier answer, undefined when it sent none. Whatever was never an
 * etag of ours is a version that no resource has, so that it is refused like any other stale one.
 */
export function expectedVersion(etag: string): number | undefined {
  if (etag === "") return undefined;
  // A proxy that compresses may have made it a weak one.
  const [, version] = /^(?:W\/)?"(\d{1,15})"$/.exec(etag) ?? [];
  return version === undefined ? noVersion : Number(version);
}
