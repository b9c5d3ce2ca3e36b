import { createPublicKey } from "node:crypto";
import type { TestTokens } from "@quartet/chassis/testing/test-tokens";
import { createTestTokens } from "@quartet/chassis/testing/test-tokens";
import { SignJWT } from "jose";

/** Whom a caller can prove to be. A token that proves nothing is refused everywhere, by the reason it has. */
export type Standing = "anonymous" | "owner" | "stranger" | "admin" | { readonly refusedFor: string };

/** A caller with the header it sends. */
export interface TestCaller {
  readonly name: string;
  readonly standing: Standing;
  /** The value of the header, for the user whose resources are called for; undefined for none. */
  authorization(tokens: TestTokens, userId: string): Promise<string | undefined>;
}

const invalid = { refusedFor: "INVALID_TOKEN" };
const hourMs = 3_600_000;

type Token = Parameters<TestTokens["sign"]>[0];

const withToken = (name: string, standing: Standing, changes: Partial<Token>): TestCaller => ({
  name,
  standing,
  authorization: async (tokens, userId) => `Bearer ${await tokens.sign({ userId, ...changes })}`,
});

/** Everyone who may try. Forged tokens name an administrator: whoever believes one gives everything away. */
export const callers: readonly TestCaller[] = [
  { name: "nobody", standing: "anonymous", authorization: async () => undefined },
  withToken("the owner", "owner", {}),
  withToken("another customer", "stranger", { userId: "00000000-0000-7000-8000-0000000000aa" }),
  withToken("an administrator", "admin", { userId: "root", role: "admin" }),
  withToken(
    "an administrator until a minute ago",
    { refusedFor: "TOKEN_EXPIRED" },
    {
      role: "admin",
      issuedAtMs: Date.now() - hourMs / 2,
      expiresInMs: hourMs / 2 - 60_000,
    },
  ),
  withToken("an administrator of another issuer", invalid, { role: "admin", issuer: "someone" }),
  withToken("an administrator of another audience", invalid, { role: "admin", audience: "something" }),
  withToken("an administrator by a token of another type", invalid, { role: "admin", typ: "JWT" }),
  withToken("an administrator by an unknown key", invalid, { role: "admin", kid: "unknown" }),
  withToken("a user of an unknown role", invalid, { role: "admin", claims: { role: "root" } }),
  {
    name: "an administrator by another's key under the known id",
    standing: invalid,
    authorization: async ({ publicKey }, userId) => {
      return `Bearer ${await createTestTokens({ kid: publicKey.kid ?? "" }).sign({ userId, role: "admin" })}`;
    },
  },
  {
    name: "an administrator by a token without a signature",
    standing: invalid,
    authorization: async (tokens, userId) => {
      const [, claims] = (await tokens.sign({ userId, role: "admin" })).split(".");
      return `Bearer ${encode({ alg: "none", typ: "at+jwt", kid: tokens.publicKey.kid })}.${claims}.`;
    },
  },
  {
    name: "an administrator by HS256 with the public key as the secret",
    standing: invalid,
    authorization: async ({ publicKey }, userId) => {
      const pem = createPublicKey({ key: publicKey, format: "jwk" }).export({ type: "spki", format: "pem" });
      const token = await new SignJWT({ role: "admin", sid: "s", sub: userId, iss: "quartet", aud: "quartet" })
        .setProtectedHeader({ alg: "HS256", typ: "at+jwt", kid: publicKey.kid ?? "" })
        .setIssuedAt()
        .setExpirationTime("5m")
        .sign(Buffer.from(pem));
      return `Bearer ${token}`;
    },
  },
  {
    name: "a customer who wrote administrator into the token",
    standing: invalid,
    authorization: async (tokens, userId) => {
      const [header, claims = "", signature] = (await tokens.sign({ userId })).split(".");
      const changed = { ...JSON.parse(Buffer.from(claims, "base64url").toString()), role: "admin" };
      return `Bearer ${header}.${encode(changed)}.${signature}`;
    },
  },
];

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
