import { createPublicKey } from "node:crypto";
import type { JSONWebKeySet, JWK } from "jose";

const keysMax = 20;
const keyIdLengthMax = 256;

/**
 * The usable keys of a JWKS document: EC P-256 with an id, for ES256 signatures, public part only. Everything else in
 * the document is ignored. Undefined when nothing usable is left, or when the value is no JWKS at all.
 */
export function acceptedKeys(document: unknown): JSONWebKeySet | undefined {
  const keys = typeof document === "object" && document !== null && "keys" in document ? document.keys : undefined;
  if (!Array.isArray(keys)) return undefined;
  const byId = new Map<string, JWK>();
  for (const key of keys.slice(0, keysMax)) {
    const accepted = acceptedKey(key);
    if (accepted?.kid !== undefined && !byId.has(accepted.kid)) byId.set(accepted.kid, accepted);
  }
  return byId.size === 0 ? undefined : { keys: [...byId.values()] };
}

function acceptedKey(value: unknown): JWK | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { kty, crv, x, y, kid, alg, use } = value as Record<string, unknown>;
  if (kty !== "EC" || crv !== "P-256" || typeof x !== "string" || typeof y !== "string") return undefined;
  if (typeof kid !== "string" || kid === "" || kid.length > keyIdLengthMax) return undefined;
  if ((alg !== undefined && alg !== "ES256") || (use !== undefined && use !== "sig")) return undefined;
  try {
    // Throws for a point that is not on the curve.
    createPublicKey({ key: { kty, crv, x, y }, format: "jwk" });
  } catch {
    return undefined;
  }
  return { kty, crv, x, y, kid, alg: "ES256", use: "sig" };
}
