import { hash } from "node:crypto";
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import { DomainError } from "../domain-error.ts";
import type { UserCaller } from "../rpc/caller.ts";
import type { KeySet } from "./key-set.ts";

/** Tells who an access token speaks for. */
export interface TokenVerifier {
  /**
   * The caller that a token was issued to. Throws DomainError: unauthenticated TOKEN_EXPIRED for a token that was good
   * and no longer is, unauthenticated INVALID_TOKEN for any other that is not good, unavailable KEYS_UNAVAILABLE while
   * no key is known to check it with.
   */
  verify(token: string): Promise<UserCaller>;
}

/** What createTokenVerifier needs. */
export interface TokenVerifierOptions {
  readonly keys: KeySet;
  /** The only accepted `iss`. */
  readonly issuer: string;
  /** Must be among `aud`. */
  readonly audience: string;
  readonly now: () => number;
  /** How many verified tokens are remembered; the least recently used is forgotten first. */
  readonly cacheMax?: number;
  /** How long after its issue a token may be used at most, whatever it says itself. One hour by default. */
  readonly maxAgeMs?: number;
}

interface Verified {
  readonly caller: UserCaller;
  readonly expireTime: number;
}

const tokenLengthMax = 4_096;
const cacheMaxDefault = 10_000;
const maxAgeDefaultMs = 3_600_000;
const clockSkewMaxS = 5;
const keysRetryDelayMs = 1_000;

/**
 * Creates a verifier of ES256 access tokens (`typ` at+jwt). A good token is remembered by its SHA-256 until it expires
 * or the key set changes, because a signature check costs as much as a small call; calls that bring the same token at
 * the same time share one check. A token with an unknown key id makes the key set look for newer keys once.
 */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { keys, issuer, audience, now, cacheMax = cacheMaxDefault, maxAgeMs = maxAgeDefaultMs } = options;
  const cache = new Map<string, Verified>();
  const underWay = new Map<string, Promise<Verified>>();
  let trusted: JSONWebKeySet | undefined;
  let keyOf: JWTVerifyGetKey | undefined;

  const followKeys = (): void => {
    const current = keys.current();
    if (current === trusted) return;
    trusted = current;
    keyOf = current === undefined ? undefined : createLocalJWKSet(current);
    cache.clear();
  };

  const knowsKey = (kid: string): boolean => trusted?.keys.some((key) => key.kid === kid) ?? false;

  const getKey: JWTVerifyGetKey = async (header, token) => {
    const { kid } = header;
    if (kid === undefined || foreignKeyHeaders.some((name) => name in header))
      throw new errors.JWSInvalid("bad header");
    if (!knowsKey(kid)) {
      await keys.refresh();
      followKeys();
    }
    if (keyOf === undefined) throw keysUnavailable();
    return keyOf(header, token);
  };

  const check = async (token: string): Promise<Verified> => {
    const startTime = now();
    const { payload } = await jwtVerify(token, getKey, {
      algorithms: ["ES256"],
      typ: "at+jwt",
      issuer,
      audience,
      requiredClaims: ["exp", "iat", "sub"],
      maxTokenAge: maxAgeMs / 1000,
      clockTolerance: clockSkewMaxS,
      currentDate: new Date(startTime),
    });
    const { exp = 0, iat = 0 } = payload;
    return { caller: callerFrom(payload), expireTime: Math.min(exp * 1000, iat * 1000 + maxAgeMs) };
  };

  const remember = (digest: string, verified: Verified): void => {
    cache.delete(digest);
    cache.set(digest, verified);
    if (cache.size <= cacheMax) return;
    const [oldest] = cache.keys();
    if (oldest !== undefined) cache.delete(oldest);
  };

  const checkOnce = (digest: string, token: string): Promise<Verified> => {
    const running = underWay.get(digest);
    if (running !== undefined) return running;
    const started = check(token)
      .catch((error) => {
        throw refusal(error);
      })
      .finally(() => underWay.delete(digest));
    underWay.set(digest, started);
    return started;
  };

  return {
    verify: async (token) => {
      if (token === "" || token.length > tokenLengthMax) throw invalidToken();
      followKeys();
      const digest = hash("sha256", token, "base64url");
      const known = cache.get(digest);
      const verified = known ?? (await checkOnce(digest, token));
      if (verified.expireTime <= now()) {
        cache.delete(digest);
        throw expiredToken();
      }
      // Keys that changed during the check make the next call check again.
      if (keys.current() === trusted) remember(digest, verified);
      return verified.caller;
    },
  };
}

/** Ways of a token to bring its own key. A token that tries one was not made by the issuer. */
const foreignKeyHeaders = ["jwk", "jku", "x5c", "x5u"];

function callerFrom(payload: JWTPayload): UserCaller {
  const { sub, role, sid } = payload;
  if (typeof sub !== "string" || sub === "" || typeof sid !== "string" || sid === "") throw invalidToken();
  if (role !== "customer" && role !== "admin") throw invalidToken();
  return { kind: "user", userId: sub, role, sessionId: sid };
}

function refusal(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  return error instanceof errors.JWTExpired ? expiredToken(error) : invalidToken(error);
}

function invalidToken(cause?: unknown): DomainError {
  return new DomainError("unauthenticated", "INVALID_TOKEN", "the access token is not valid", { cause });
}

function expiredToken(cause?: unknown): DomainError {
  return new DomainError("unauthenticated", "TOKEN_EXPIRED", "the access token has expired", { cause });
}

function keysUnavailable(): DomainError {
  return new DomainError("unavailable", "KEYS_UNAVAILABLE", "access tokens cannot be checked at the moment", {
    retryDelayMs: keysRetryDelayMs,
  });
}
