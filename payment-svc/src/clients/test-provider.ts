import { setTimeout as sleep } from "node:timers/promises";
import BetterSqlite3 from "better-sqlite3";
import { type PaymentProvider, ProviderUnavailableError, RefundRefusedError } from "../app/ports.ts";
import type { CaptureResult } from "../domain/capture.ts";
import type { ProviderRefund } from "../domain/refund.ts";

/** Longest delay that a token can ask for. Within what one call may take. */
const delayMaxMs = 60_000;

const schema = `
  CREATE TABLE IF NOT EXISTS operations (
    key TEXT PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('capture', 'refund')),
    status TEXT NOT NULL CHECK (status IN ('CAPTURED', 'DECLINED', 'REFUNDED')),
    capture_key TEXT,
    currency TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    create_time INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS operations_by_capture ON operations (capture_key);
  CREATE TABLE IF NOT EXISTS calls (key TEXT PRIMARY KEY NOT NULL, count INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS capture_tokens (key TEXT PRIMARY KEY NOT NULL, token TEXT NOT NULL) STRICT;
`;

interface Operation {
  readonly status: "CAPTURED" | "DECLINED" | "REFUNDED";
  readonly currency: string;
  readonly amount: number;
}

/**
 * Creates a payment provider to try things with, in place of a real one. It keeps its own record in a file of its own,
 * on disk before it answers, so that what it did survives whoever asked. As a real one, it never refunds more than it
 * captured. The payment token says how it behaves:
 *
 * | token | behaviour |
 * | --- | --- |
 * | `tok_declined…` | declines with the code card_declined |
 * | `tok_delay_<ms>…` | captures after that many milliseconds |
 * | `tok_fail_<n>…` | does nothing and says so for the first n calls, then captures |
 * | `tok_timeout…` | captures, but its first answer never arrives |
 * | `tok_lost…` | its first call never arrives, the next one captures |
 * | `tok_refund_…` | captures; each refund goes as delay_<ms>, fail_<n>, timeout or lost say of a capture |
 * | any other | captures |
 */
export function openTestProvider(options: { file: string; now: () => number }): PaymentProvider & { close(): void } {
  const database = new BetterSqlite3(options.file);
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = FULL");
  database.exec(schema);
  const findOperation = database.prepare<[string], Operation>(
    "SELECT status, currency, amount_minor AS amount FROM operations WHERE key = ?",
  );
  const insert = database.prepare(
    "INSERT OR IGNORE INTO operations (key, kind, status, capture_key, currency, amount_minor, create_time) VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
  const sumOfRefunds = database
    .prepare<[string], number>("SELECT coalesce(sum(amount_minor), 0) FROM operations WHERE capture_key = ?")
    .pluck();
  const refundsOf = database.prepare<[string], ProviderRefund>(
    "SELECT key, amount_minor AS amountMinor FROM operations WHERE capture_key = ? ORDER BY rowid",
  );
  const countCall = database.prepare<[string], { count: number }>(
    "INSERT INTO calls (key, count) VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET count = count + 1 RETURNING count",
  );
  const rememberToken = database.prepare("INSERT OR IGNORE INTO capture_tokens (key, token) VALUES (?, ?)");
  const findToken = database.prepare<[string], string>("SELECT token FROM capture_tokens WHERE key = ?").pluck();

  const resultOf = (key: string): CaptureResult | undefined => {
    const status = findOperation.get(key)?.status;
    if (status === undefined) return undefined;
    return status === "DECLINED" ? { status, declineCode: "card_declined" } : { status: "CAPTURED" };
  };

  /** A call without trouble, in one transaction: each one is a wait for the disk, of the whole process. */
  const countAndAct = database.transaction((key: string, act: () => void) => {
    countCall.get(key);
    act();
  });

  /** Does something in the way that was asked for. */
  const behave = async (key: string, { trouble, number }: Behaviour, signal: AbortSignal, act: () => void) => {
    if (trouble === "") return countAndAct.immediate(key, act);
    const calls = countCall.get(key)?.count ?? 1;
    if (trouble === "delay") await sleep(Math.min(number, delayMaxMs), undefined, { signal }).catch(unreached);
    if (trouble === "fail" && calls <= number) throw new ProviderUnavailableError("the provider is down");
    if (trouble === "lost" && calls === 1) throw new ProviderUnavailableError("the provider was not reached");
    act();
    if (trouble === "timeout" && calls === 1) throw new ProviderUnavailableError("the provider did not answer");
  };

  /** In one transaction: two refunds at once must not pass where only one has room. */
  const refundOnce = database.transaction((key: string, captureKey: string, amount: Operation) => {
    if (findOperation.get(key) !== undefined) return;
    const captured = findOperation.get(captureKey);
    if (captured?.status !== "CAPTURED") throw new Error(`nothing was captured as ${captureKey}`);
    const refunded = sumOfRefunds.get(captureKey) ?? 0;
    if (amount.currency !== captured.currency || refunded + amount.amount > captured.amount) {
      throw new RefundRefusedError(`more would be refunded than was captured as ${captureKey}`);
    }
    insert.run(key, "refund", amount.status, captureKey, amount.currency, amount.amount, options.now());
  });

  return {
    async capture({ key, amount, paymentToken, signal }) {
      await behave(key, behaviourOf(paymentToken, "capture"), signal, () => {
        const status = paymentToken.startsWith("tok_declined") ? "DECLINED" : "CAPTURED";
        rememberToken.run(key, paymentToken);
        insert.run(key, "capture", status, null, amount.currency, amount.minorUnits, options.now());
      });
      return resultOf(key) ?? { status: "CAPTURED" };
    },

    async refund({ key, captureKey, amount, signal }) {
      await behave(key, behaviourOf(findToken.get(captureKey) ?? "", "refund"), signal, () => {
        const operation: Operation = { status: "REFUNDED", currency: amount.currency, amount: amount.minorUnits };
        refundOnce.immediate(key, captureKey, operation);
      });
      return findOperation.get(key)?.amount ?? amount.minorUnits;
    },

    findCapture: async (key) => resultOf(key),
    findRefund: async (key) => findOperation.get(key)?.amount,
    findRefunds: async (captureKey) => refundsOf.all(captureKey),
    close: () => database.close(),
  };
}

interface Behaviour {
  readonly trouble: string;
  readonly number: number;
}

function behaviourOf(paymentToken: string, kind: "capture" | "refund"): Behaviour {
  const prefix = kind === "refund" ? "tok_refund_" : "tok_";
  const rest = paymentToken.startsWith(prefix) ? paymentToken.slice(prefix.length) : "";
  const [, trouble = "", number = "0"] = /^(delay|fail|timeout|lost)(?:_(\d+))?/.exec(rest) ?? [];
  return { trouble, number: Number(number) };
}

function unreached(): never {
  throw new ProviderUnavailableError("the answer was not waited for");
}
