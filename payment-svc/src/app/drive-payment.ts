import { type CaptureOutcome, onlyAsk, postponeCapture, recordCapture, startCapture } from "../domain/capture.ts";
import { amountOf, type Payment, providerPauseMaxMs } from "../domain/payment.ts";
import {
  makeRoom,
  type ProviderRefund,
  postponeRefund,
  recordRefund,
  refundKey,
  startRefund,
} from "../domain/refund.ts";
import {
  type PaymentProvider,
  type PaymentStore,
  type ProviderTask,
  ProviderUnavailableError,
  RefundRefusedError,
} from "./ports.ts";

/**
 * Resolves when the task is done, or put off because the provider's answer is not known. Once `signal` is aborted the
 * answer is no longer waited for.
 */
export type DrivePayment = (task: ProviderTask, signal: AbortSignal) => Promise<void>;

/** Longest wait for one answer of the provider, which may take its time over a bank. */
const callTimeoutMs = 80_000;

const retryDelayMinMs = 200;

/**
 * Creates the command that takes one payment one step further with the provider. Each attempt is counted on disk before
 * the call, and always under the same key: after a crash or an answer that never came, the provider is asked what became
 * of the key before anything is asked for again, so that nothing happens twice.
 */
export function createDrivePayment(deps: {
  payments: Pick<PaymentStore, "update">;
  provider: PaymentProvider;
  now: () => number;
}): DrivePayment {
  const { payments, provider, now } = deps;

  const capture = async (paymentId: string, signal: AbortSignal) => {
    const started = await payments.update(paymentId, (payment) => startCapture(payment, now()));
    if (started?.state !== "CAPTURING") return;
    const putOff = () =>
      payments.update(paymentId, (payment) => postponeCapture(payment, now() + retryDelayMs(started.attempts)));
    const result = await known(() => captureOnce(provider, started, signal), putOff);
    if (result !== undefined) await payments.update(paymentId, (payment) => recordCapture(payment, result, now()));
  };

  const refund = async (paymentId: string, refundId: string, signal: AbortSignal) => {
    const started = await payments.update(paymentId, (payment) => startRefund(payment, refundId));
    const refunding = started?.refunds.find((candidate) => candidate.id === refundId);
    if (started === undefined || refunding === undefined) return;
    const putOff = () =>
      payments.update(paymentId, (payment) =>
        postponeRefund(payment, refundId, now() + retryDelayMs(refunding.attempts)),
      );
    const answer = await known(() => refundOnce(provider, started, refunding, signal), putOff);
    if (typeof answer === "number") {
      await payments.update(paymentId, (payment) => recordRefund(payment, refundId, answer, now()));
    } else if (answer !== undefined) {
      await known(() => payments.update(paymentId, (payment) => makeRoom(payment, refundId, answer, now())), putOff);
    }
  };

  return (task, stop) => {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(callTimeoutMs)]);
    return task.kind === "capture" ? capture(task.paymentId, signal) : refund(task.paymentId, task.refundId, signal);
  };
}

async function captureOnce(provider: PaymentProvider, payment: Payment, signal: AbortSignal): Promise<CaptureOutcome> {
  const key = `capture/${payment.id}`;
  const earlier = payment.attempts > 1 ? await provider.findCapture(key, signal) : undefined;
  if (earlier !== undefined) return earlier;
  if (payment.isCancelRequested && payment.paymentToken === onlyAsk) return { status: "NEVER_ASKED" };
  return provider.capture({ key, amount: amountOf(payment), paymentToken: payment.paymentToken ?? "", signal });
}

/** Resolves with what the refund has returned, or, when the provider refuses because too little is left, with all refunds. */
async function refundOnce(
  provider: PaymentProvider,
  payment: Payment,
  refund: Payment["refunds"][number],
  signal: AbortSignal,
): Promise<number | readonly ProviderRefund[]> {
  const [key, captureKey] = [refundKey(refund.id), `capture/${payment.id}`];
  const earlier = refund.attempts > 1 ? await provider.findRefund(key, signal) : undefined;
  if (earlier !== undefined) return earlier;
  const amount = { currency: amountOf(payment).currency, minorUnits: refund.amountMinor };
  try {
    return await provider.refund({ key, captureKey, amount, signal });
  } catch (error) {
    if (!(error instanceof RefundRefusedError)) throw error;
    return await provider.findRefunds(captureKey, signal);
  }
}

/**
 * The result of a call, or undefined when it is not known: then the task is put off. So it is when the call fails in some
 * other way, which is thrown: there is more to it than waiting.
 */
async function known<T>(call: () => Promise<T>, putOff: () => Promise<unknown>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    await putOff();
    if (error instanceof ProviderUnavailableError) return undefined;
    throw error;
  }
}

function retryDelayMs(attempts: number): number {
  return Math.min(providerPauseMaxMs, retryDelayMinMs * 2 ** Math.min(attempts - 1, 20));
}
