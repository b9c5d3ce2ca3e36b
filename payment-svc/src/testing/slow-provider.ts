import { type PaymentProvider, ProviderUnavailableError } from "../app/ports.ts";
import type { Money } from "../domain/payment.ts";

/** What a provider did, under the key that it was asked with. */
export interface BankOperation {
  readonly kind: "capture" | "refund";
  readonly money: Money;
  readonly isDeclined: boolean;
  /** The token of a capture, the key of the capture that a refund takes from. */
  readonly of: string;
}

/**
 * The memory of a provider that does each key once: its first word about a key is its last. Tokens that begin with
 * `tok_declined` are declined. Throws when more would be refunded than was captured, which nobody may even ask for.
 */
export interface Bank {
  readonly operations: ReadonlyMap<string, BankOperation>;
  capture(key: string, money: Money, token: string): BankOperation;
  refund(key: string, money: Money, captureKey: string): BankOperation;
}

/** Opens a bank that did nothing yet. */
export function createBank(): Bank {
  const operations = new Map<string, BankOperation>();
  const once = (key: string, make: () => BankOperation) => {
    const operation = operations.get(key) ?? make();
    operations.set(key, operation);
    return operation;
  };
  return {
    operations,
    capture: (key, money, of) =>
      once(key, () => ({ kind: "capture", money, of, isDeclined: of.startsWith("tok_declined") })),
    refund: (key, money, of) =>
      once(key, () => {
        const captured = operations.get(of);
        const refunds = [...operations.values()].filter((other) => other.kind === "refund" && other.of === of);
        const sum = refunds.reduce((total, other) => total + other.money.minorUnits, money.minorUnits);
        if (captured?.isDeclined !== false || sum > captured.money.minorUnits) {
          throw new Error(`${key} asks for more than there is`);
        }
        return { kind: "refund", money, of, isDeclined: false };
      }),
  };
}

/** What becomes of a call: answered; carried out without an answer; not even carried out; failed in a way nobody planned. */
export type Fate = "answered" | "unanswered" | "lost" | "broken";

/** A call that the provider has not answered yet. */
export interface WaitingCall {
  /** What the provider is asked, as in `capture` or `findRefund`. */
  readonly kind: keyof PaymentProvider;
  /** Carries it out, with or without anybody who waits for the answer. */
  arrive(): void;
  /** Lets it meet its fate. */
  end(fate: Fate): void;
}

/** A provider that answers nothing by itself: each call waits in the hands of the test. */
export function createSlowProvider(bank: Bank, onCall: (call: WaitingCall) => void): PaymentProvider {
  const waiting = <T>(kind: keyof PaymentProvider, act: () => T) =>
    new Promise<T>((resolve, reject) => {
      onCall({
        kind,
        arrive: act,
        end(fate) {
          if (fate === "broken") return reject(new Error("the provider talks nonsense"));
          if (fate === "lost") return reject(new ProviderUnavailableError("the provider was not reached"));
          const result = act();
          if (fate === "answered") resolve(result);
          else reject(new ProviderUnavailableError("the provider did not answer"));
        },
      });
    });
  const resultOf = (operation: BankOperation) =>
    operation.isDeclined ? { status: "DECLINED" as const, declineCode: "no" } : { status: "CAPTURED" as const };
  return {
    capture: ({ key, amount, paymentToken }) =>
      waiting("capture", () => resultOf(bank.capture(key, amount, paymentToken))),
    refund: ({ key, captureKey, amount }) =>
      waiting("refund", () => bank.refund(key, amount, captureKey).money.minorUnits),
    findCapture: (key) =>
      waiting("findCapture", () => {
        const operation = bank.operations.get(key);
        return operation && resultOf(operation);
      }),
    findRefund: (key) => waiting("findRefund", () => bank.operations.get(key)?.money.minorUnits),
    findRefunds: (captureKey) =>
      waiting("findRefunds", () =>
        [...bank.operations]
          .filter(([, { of }]) => of === captureKey)
          .map(([key, { money }]) => ({ key, amountMinor: money.minorUnits })),
      ),
  };
}
