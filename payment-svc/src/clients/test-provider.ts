import { setTimeout as sleep } from "node:timers/promises";
import BetterSqlite3 from "better-sqlite3";
import { type PaymentProvider, ProviderUnavailableError } from "../app/ports.ts";
import type { CaptureResult } from "../domain/capture.ts";

/** Longest delay that a token can ask for. Within what one call may take. */
const delayMaxMs = 60_000;

/**
 * Creates a payment provider to try things with, in place of a real one. It keeps its own record in a file of its own,
 * on disk before it answers, so that what it did survives whoever asked. The payment token says how it behaves:
 *
 * | token | behaviour |
 * | --- | --- |
 * | `tok_declined…` | declines with the code card_declined |
 * | `tok_delay_<ms>…` | captures after that many milliseconds |
 * | `tok_fail_<n>…` | does nothing and says so for the first n calls, then captures |
 * | `tok_timeout…` | captures, but its first answer never arrives |
 * | `tok_lost…` | its first call never arrives, the next one captures |
 * | any other | captures |
 */
export function openTestProvider(options: { file: string; now: () => number }): PaymentProvider & { close(): void } {
  const database = new BetterSqlite3(options.file);
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = FULL");
  database.exec(`
    CREATE TABLE IF NOT EXISTS operations (
      key TEXT PRIMARY KEY NOT NULL,
      kind TEXT NOT NULL CHECK (kind IN ('capture', 'refund')),
      status TEXT NOT NULL CHECK (status IN ('CAPTURED', 'DECLINED', 'REFUNDED')),
      capture_key TEXT,
      currency TEXT NOT NULL,
      amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
      create_time INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS calls (key TEXT PRIMARY KEY NOT NULL, count INTEGER NOT NULL) STRICT;
  `);
  const findStatus = database.prepare<[string], { status: "CAPTURED" | "DECLINED" | "REFUNDED" }>(
    "SELECT status FROM operations WHERE key = ?",
  );
  const insert = database.prepare(
    "INSERT OR IGNORE INTO operations (key, kind, status, capture_key, currency, amount_minor, create_time) VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
  const countCall = database.prepare<[string], { count: number }>(
    "INSERT INTO calls (key, count) VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET count = count + 1 RETURNING count",
  );

  const resultOf = (key: string): CaptureResult | undefined => {
    const status = findStatus.get(key)?.status;
    if (status === undefined) return undefined;
    return status === "DECLINED" ? { status, declineCode: "card_declined" } : { status: "CAPTURED" };
  };

  return {
    async capture({ key, amount, paymentToken, signal }) {
      const calls = countCall.get(key)?.count ?? 1;
      const [, behaviour = "", number = "0"] =
        /^tok_(declined|delay|fail|timeout|lost)(?:_(\d+))?/.exec(paymentToken) ?? [];
      if (behaviour === "delay")
        await sleep(Math.min(Number(number), delayMaxMs), undefined, { signal }).catch(unreached);
      if (behaviour === "fail" && calls <= Number(number)) throw new ProviderUnavailableError("the provider is down");
      if (behaviour === "lost" && calls === 1) throw new ProviderUnavailableError("the provider was not reached");
      const status = behaviour === "declined" ? "DECLINED" : "CAPTURED";
      insert.run(key, "capture", status, null, amount.currency, amount.minorUnits, options.now());
      if (behaviour === "timeout" && calls === 1) throw new ProviderUnavailableError("the provider did not answer");
      return resultOf(key) ?? { status: "CAPTURED" };
    },

    async refund({ key, captureKey, amount }) {
      if (findStatus.get(captureKey)?.status !== "CAPTURED") throw new Error(`nothing was captured as ${captureKey}`);
      insert.run(key, "refund", "REFUNDED", captureKey, amount.currency, amount.minorUnits, options.now());
    },

    findCapture: async (key) => resultOf(key),
    findRefund: async (key) => findStatus.get(key) !== undefined,
    close: () => database.close(),
  };
}

function unreached(): never {
  throw new ProviderUnavailableError("the answer was not waited for");
}
