import { generateKeyPairSync, randomUUID } from "node:crypto";
import { type JWK, SignJWT } from "jose";
import { createLocalKeySet, type KeySet } from "../auth/key-set.ts";

/** What a test token says. Everything but the user and the role has a default that verifies. */
export interface TestTokenClaims {
  readonly userId: string;
  readonly role?: "customer" | "admin";
  readonly sessionId?: string;
  /** Ten minutes by default; negative for a token that has expired. */
  readonly expiresInMs?: number;
  readonly issuedAtMs?: number;
  readonly issuer?: string;
  readonly audience?: string;
  readonly typ?: string;
  readonly kid?: string;
  /** Replace or add claims; undefined removes one. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Added to the protected header. */
  readonly header?: Readonly<Record<string, unknown>>;
}

/** An issuer of its own for a test: its key set, and tokens that verify against it. */
export interface TestTokens {
  readonly keySet: KeySet;
  readonly publicKey: JWK;
  readonly privateKey: ReturnType<typeof generateKeyPairSync>["privateKey"];
  sign(claims: TestTokenClaims): Promise<string>;
}

const expiresInDefaultMs = 600_000;

/** Creates an issuer with a fresh key. Issuer and audience are "quartet", as in the services' defaults. */
export function createTestTokens(options: { now?: () => number; kid?: string } = {}): TestTokens {
  const { now = Date.now, kid = randomUUID() } = options;
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwk = { ...publicKey.export({ format: "jwk" }), kid, alg: "ES256", use: "sig" } as JWK;
  return {
    keySet: createLocalKeySet({ keys: [jwk] }),
    publicKey: jwk,
    privateKey,
    sign: async (token) => {
      const issuedAtMs = token.issuedAtMs ?? now();
      const payload = {
        iss: token.issuer ?? "quartet",
        aud: token.audience ?? "quartet",
        sub: token.userId,
        role: token.role ?? "customer",
        sid: token.sessionId ?? "00000000-0000-7000-8000-00000000000f",
        iat: Math.floor(issuedAtMs / 1000),
        exp: Math.floor((issuedAtMs + (token.expiresInMs ?? expiresInDefaultMs)) / 1000),
        jti: randomUUID(),
        ...token.claims,
      };
      return new SignJWT(payload)
        .setProtectedHeader({ alg: "ES256", typ: token.typ ?? "at+jwt", kid: token.kid ?? kid, ...token.header })
        .sign(privateKey);
    },
  };
}
