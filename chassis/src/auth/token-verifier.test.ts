import assert from "node:assert/strict";
import { createSecretKey } from "node:crypto";
import { mock } from "node:test";
import { SignJWT, UnsecuredJWT } from "jose";
import { beforeEach, describe, it } from "mocha";
import { DomainError } from "../domain-error.ts";
import { type FixedClock, fixedClock } from "../testing/clock.ts";
import { createTestTokens, type TestTokens } from "../testing/test-tokens.ts";
import { createLocalKeySet, type KeySet } from "./key-set.ts";
import { createTokenVerifier, type TokenVerifier } from "./token-verifier.ts";

describe("token verifier", () => {
  let clock: FixedClock;
  let tokens: TestTokens;
  let verifier: TokenVerifier;

  const verifierOf = (keys: KeySet, cacheMax?: number) =>
    createTokenVerifier({ keys, issuer: "quartet", audience: "quartet", now: clock.now, cacheMax });

  beforeEach(() => {
    clock = fixedClock();
    tokens = createTestTokens({ now: clock.now });
    verifier = verifierOf(tokens.keySet);
  });

  it("names the user, role and session of a good token", async () => {
    const token = await tokens.sign({ userId: "u1", role: "admin", sessionId: "s1" });
    assert.deepEqual(await verifier.verify(token), { kind: "user", userId: "u1", role: "admin", sessionId: "s1" });
  });

  it("refuses a token from the moment it expires, also one it knows", async () => {
    const token = await tokens.sign({ userId: "u1", expiresInMs: 60_000 });
    await verifier.verify(token);
    clock.advance(59_999);
    await verifier.verify(token);
    clock.advance(1);
    await assert.rejects(verifier.verify(token), refused("TOKEN_EXPIRED"));
    await assert.rejects(verifierOf(tokens.keySet).verify(token), refused("TOKEN_EXPIRED"));
  });

  it("refuses a token that is older than the maximum age, whatever it says itself", async () => {
    const token = await tokens.sign({ userId: "u1", expiresInMs: 86_400_000 });
    await verifier.verify(token);
    clock.advance(3_600_000);
    await assert.rejects(verifier.verify(token), refused("TOKEN_EXPIRED"));
  });

  const wrong: Record<string, Parameters<TestTokens["sign"]>[0]> = {
    "another issuer": { userId: "u1", issuer: "someone" },
    "another audience": { userId: "u1", audience: "elsewhere" },
    "another type": { userId: "u1", typ: "JWT" },
    "an unknown key id": { userId: "u1", kid: "unknown" },
    "no key id": { userId: "u1", header: { kid: undefined } },
    "an unknown role": { userId: "u1", claims: { role: "root" } },
    "no session": { userId: "u1", claims: { sid: undefined } },
    "no subject": { userId: "u1", claims: { sub: undefined } },
    "an empty subject": { userId: "" },
    "no expiry": { userId: "u1", claims: { exp: undefined } },
    "no time of issue": { userId: "u1", claims: { iat: undefined } },
    "a time of issue in the future": { userId: "u1", issuedAtMs: Date.UTC(2026, 0, 2) },
  };
  for (const [what, claims] of Object.entries(wrong)) {
    it(`refuses a token with ${what}`, async () => {
      const token = await tokens.sign(claims);
      await assert.rejects(verifier.verify(token), refused("INVALID_TOKEN"));
    });
  }

  it("refuses a token that another key signed, also one that brings its key along", async () => {
    const other = createTestTokens({ now: clock.now, kid: tokens.publicKey.kid });
    const forged = await other.sign({ userId: "u1" });
    const embedded = await other.sign({ userId: "u1", header: { jwk: other.publicKey } });
    const own = await tokens.sign({ userId: "u1", header: { jwk: tokens.publicKey } });
    const linked = await tokens.sign({ userId: "u1", header: { jku: "http://127.0.0.1/keys" } });
    for (const token of [forged, embedded, own, linked]) {
      await assert.rejects(verifier.verify(token), refused("INVALID_TOKEN"));
    }
  });

  it("refuses unsigned tokens and tokens signed with the public key as a secret", async () => {
    const unsigned = new UnsecuredJWT({ sub: "u1", role: "admin", sid: "s1" })
      .setIssuer("quartet")
      .setAudience("quartet")
      .setIssuedAt(clock.now() / 1000)
      .setExpirationTime(clock.now() / 1000 + 60)
      .encode();
    const symmetric = await new SignJWT({ sub: "u1", role: "admin", sid: "s1" })
      .setProtectedHeader({ alg: "HS256", typ: "at+jwt", kid: tokens.publicKey.kid })
      .setIssuer("quartet")
      .setAudience("quartet")
      .setIssuedAt(clock.now() / 1000)
      .setExpirationTime(clock.now() / 1000 + 60)
      .sign(createSecretKey(Buffer.from(JSON.stringify(tokens.publicKey))));
    for (const token of [unsigned, symmetric, "", "a.b.c", "x".repeat(5_000)]) {
      await assert.rejects(verifier.verify(token), refused("INVALID_TOKEN"));
    }
  });

  it("refuses a known token whose signature or content was changed", async () => {
    const token = await tokens.sign({ userId: "u1" });
    await verifier.verify(token);
    const [header, payload = "", signature] = token.split(".");
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
    const changed = Buffer.from(JSON.stringify({ ...claims, role: "admin" })).toString("base64url");
    await assert.rejects(verifier.verify(`${header}.${changed}.${signature}`), refused("INVALID_TOKEN"));
  });

  it("answers unavailable while no key is known, and looks for one", async () => {
    let keys: ReturnType<KeySet["current"]>;
    const keySet: KeySet = { ...tokens.keySet, current: () => keys };
    const token = await tokens.sign({ userId: "u1" });
    await assert.rejects(verifierOf(keySet).verify(token), refused("KEYS_UNAVAILABLE", "unavailable"));
    keySet.refresh = async () => {
      keys = tokens.keySet.current();
    };
    assert.equal((await verifierOf(keySet).verify(token)).userId, "u1");
  });

  it("looks for newer keys when a token names one it does not know", async () => {
    const rotated = createTestTokens({ now: clock.now });
    let document = { keys: [tokens.publicKey] };
    const keySet = createLocalKeySet(() => document);
    keySet.refresh = async () => {
      document = { keys: [tokens.publicKey, rotated.publicKey] };
    };
    assert.equal((await verifierOf(keySet).verify(await rotated.sign({ userId: "u2" }))).userId, "u2");
  });

  it("forgets verified tokens when their key is withdrawn", async () => {
    let document = { keys: [tokens.publicKey] };
    const following = verifierOf(createLocalKeySet(() => document));
    const token = await tokens.sign({ userId: "u1" });
    await following.verify(token);
    document = { keys: [createTestTokens().publicKey] };
    await assert.rejects(following.verify(token), refused("INVALID_TOKEN"));
  });

  it("checks a token once for calls at the same time and afterwards, and again when it was forgotten", async () => {
    const small = verifierOf(tokens.keySet, 1);
    const [first, second] = [await tokens.sign({ userId: "u1" }), await tokens.sign({ userId: "u2" })];
    assert.equal(await signatureChecks(() => Promise.all([small.verify(first), small.verify(first)])), 1);
    assert.equal(await signatureChecks(() => small.verify(first)), 0);
    assert.equal(await signatureChecks(() => small.verify(second)), 1);
    assert.equal(await signatureChecks(() => small.verify(first)), 1);
  });
});

async function signatureChecks(work: () => Promise<unknown>): Promise<number> {
  const spy = mock.method(globalThis.crypto.subtle, "verify");
  try {
    await work();
    return spy.mock.callCount();
  } finally {
    spy.mock.restore();
  }
}

function refused(reason: string, kind = "unauthenticated") {
  return (error: unknown) => {
    assert.ok(error instanceof DomainError, String(error));
    assert.deepEqual([error.kind, error.reason], [kind, reason]);
    return true;
  };
}
