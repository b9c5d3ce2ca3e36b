import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JSONWebKeySet, type JWK } from "jose";

/** A key pair for access tokens. The private part never leaves this service's database. */
export interface SigningKey {
  /** RFC 7638 thumbprint of the public key. */
  readonly kid: string;
  readonly privateJwk: JWK;
  readonly createTime: number;
}

/** Makes a new key pair for ES256. */
export async function generateSigningKey(now: number): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const privateJwk = await exportJWK(privateKey);
  return { kid: await calculateJwkThumbprint(privateJwk), privateJwk, createTime: now };
}

/** The public parts of keys, as /.well-known/jwks.json shows them. */
export function publicKeysOf(keys: readonly SigningKey[]): JSONWebKeySet {
  return {
    keys: keys.map(({ kid, privateJwk: { kty, crv, x, y } }) => ({ kty, crv, x, y, kid, alg: "ES256", use: "sig" })),
  } as JSONWebKeySet;
}
