import { importJWK, SignJWT } from "jose";
import type { AccessTokenSigner } from "../app/ports.ts";
import type { Role } from "../domain/user.ts";
import type { SigningKey } from "./signing-key.ts";

const roles: Readonly<Record<Role, string>> = { CUSTOMER: "customer", ADMIN: "admin" };

/** Creates the signer of access tokens: JWT of type at+jwt (RFC 9068), ES256, the newest key. */
export async function createAccessTokenSigner(options: {
  key: SigningKey;
  issuer: string;
  audience: string;
  now: () => number;
  newId: () => string;
}): Promise<AccessTokenSigner> {
  const { key, issuer, audience, now, newId } = options;
  const privateKey = await importJWK(key.privateJwk, "ES256");
  return {
    sign: ({ user, sessionId, expireTime }) =>
      new SignJWT({ role: roles[user.role], sid: sessionId })
        .setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid: key.kid })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(user.id)
        .setIssuedAt(Math.floor(now() / 1000))
        .setExpirationTime(Math.floor(expireTime / 1000))
        .setJti(newId())
        .sign(privateKey),
  };
}
