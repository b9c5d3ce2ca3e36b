import type { JSONWebKeySet } from "jose";
import type { Logger } from "../log.ts";
import { acceptedKeys } from "./accepted-keys.ts";
import { readKeyFile, writeKeyFile } from "./key-file.ts";

/** The public keys that access tokens may be signed with. */
export interface KeySet {
  /** The keys known now, undefined while there are none. The same object as long as the keys do not change. */
  current(): JSONWebKeySet | undefined;
  /** Looks for newer keys, no more often than the set allows itself. Never rejects: what is known stays known. */
  refresh(): Promise<void>;
  /** Starts whatever the set does in the background. */
  start(): void;
  /** Ends it. The keys known so far stay readable. */
  stop(): void;
}

/**
 * Creates the key set of the process that makes the keys itself. A function is asked each time, so that keys can be
 * rotated; it returns the same object until they are.
 */
export function createLocalKeySet(source: JSONWebKeySet | (() => JSONWebKeySet)): KeySet {
  let seen: JSONWebKeySet | undefined;
  let accepted: JSONWebKeySet | undefined;
  return {
    current: () => {
      const next = typeof source === "function" ? source() : source;
      if (next !== seen) {
        seen = next;
        accepted = acceptedKeys(next);
      }
      return accepted;
    },
    refresh: async () => {},
    start: () => {},
    stop: () => {},
  };
}

/** What createRemoteKeySet needs. Durations are milliseconds. */
export interface RemoteKeySetOptions {
  /**
   * Where the JWKS document is fetched: one address, or several by comma. The first is the issuer and decides which
   * keys are valid. The others are asked when it does not answer; they may be behind it, so they only add keys.
   */
  readonly url: string;
  /** File that holds the last good keys across restarts. */
  readonly cacheFile: string;
  /** Time between two looks for newer keys, five minutes by default. */
  readonly refreshIntervalMs?: number;
  readonly log: Logger;
  readonly now: () => number;
}

const refreshIntervalDefaultMs = 300_000;
const refreshSpacingMs = 2_000;
const failureDelayMinMs = 500;
const failureDelayMaxMs = 15_000;
const fetchTimeoutMs = 2_000;
const documentMaxBytes = 65_536;
const jitterRatio = 0.2;

/**
 * Creates a key set that fetches its keys over HTTP and keeps the last good ones, in memory and on disk: a failed,
 * malformed or empty answer changes nothing. Once started it reads the file, then refreshes in the background, with
 * jitter, and with back-off (500 ms to 15 s) while nobody answers. refresh() asks at most every two seconds, however
 * often it is called, so unknown key ids cannot be used to flood the issuer.
 */
export function createRemoteKeySet(options: RemoteKeySetOptions): KeySet {
  const { cacheFile, log, now, refreshIntervalMs = refreshIntervalDefaultMs } = options;
  const urls = options.url
    .split(",")
    .map((url) => url.trim())
    .filter((url) => url !== "");
  let keys: JSONWebKeySet | undefined;
  let underWay: Promise<boolean> | undefined;
  let attemptTime = Number.NEGATIVE_INFINITY;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  let stopping = new AbortController();

  const fetchKeys = async (): Promise<boolean> => {
    attemptTime = now();
    for (const [index, url] of urls.entries()) {
      try {
        const answer = await fetchKeyDocument(url, stopping.signal);
        await accept(index === 0 ? answer : merged(answer, keys));
        failures = 0;
        return true;
      } catch (error) {
        if (stopping.signal.aborted) return false;
        log.warn({ url, err: error }, "cannot fetch token keys");
      }
    }
    failures += 1;
    return false;
  };

  const accept = async (next: JSONWebKeySet): Promise<void> => {
    // The same object for the same keys: readers take a new one as a sign to check again what they trusted.
    if (JSON.stringify(next) === JSON.stringify(keys)) return;
    keys = next;
    log.info({ kids: next.keys.map((key) => key.kid) }, "token keys changed");
    try {
      await writeKeyFile(cacheFile, next);
    } catch (error) {
      log.error({ file: cacheFile, err: error }, "cannot keep token keys on disk");
    }
  };

  const fetchOnce = (): Promise<boolean> => {
    underWay ??= fetchKeys().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };

  const schedule = (signal: AbortSignal): void => {
    if (signal.aborted) return;
    const delayMs = failures === 0 ? refreshIntervalMs : failureDelayMs(failures);
    timer = setTimeout(() => void fetchOnce().then(() => schedule(signal)), jittered(delayMs));
    timer.unref();
  };

  return {
    current: () => keys,
    refresh: async () => {
      // Either way: the clock may have been set back.
      if (underWay === undefined && Math.abs(now() - attemptTime) < refreshSpacingMs) return;
      await fetchOnce();
    },
    start: () => {
      stopping = new AbortController();
      keys ??= readKeyFile(cacheFile, log);
      const { signal } = stopping;
      void fetchOnce().then(() => schedule(signal));
    },
    stop: () => {
      stopping.abort();
      clearTimeout(timer);
    },
  };
}

async function fetchKeyDocument(url: string, signal: AbortSignal): Promise<JSONWebKeySet> {
  const response = await fetch(url, {
    headers: { accept: "application/json" },
    redirect: "error",
    signal: AbortSignal.any([signal, AbortSignal.timeout(fetchTimeoutMs)]),
  });
  const body = await readBounded(response);
  if (!response.ok) throw new Error(`answered with status ${response.status}`);
  const keys = acceptedKeys(JSON.parse(body));
  if (keys === undefined) throw new Error("answered without a usable key");
  return keys;
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > documentMaxBytes) throw new Error(`answered with more than ${documentMaxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function merged(answer: JSONWebKeySet, known: JSONWebKeySet | undefined): JSONWebKeySet {
  const ids = new Set(known?.keys.map((key) => key.kid));
  return { keys: [...(known?.keys ?? []), ...answer.keys.filter((key) => !ids.has(key.kid))] };
}

function failureDelayMs(failures: number): number {
  return Math.min(failureDelayMaxMs, failureDelayMinMs * 2 ** Math.min(failures - 1, 10));
}

function jittered(delayMs: number): number {
  return delayMs * (1 - jitterRatio + 2 * jitterRatio * Math.random());
}
