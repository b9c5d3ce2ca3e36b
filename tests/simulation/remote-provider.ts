import { type PaymentProvider, ProviderUnavailableError } from "../../payment-svc/src/app/ports.ts";
import { type Calls, NoAnswerError } from "./calls.ts";
import type { Process, World } from "./world.ts";

/**
 * The payment provider behind the network: requests and answers are late, get lost, and a request that was given up may
 * arrive when its successor has been carried out.
 */
export function createRemoteProvider(deps: {
  world: World;
  calls: Calls;
  process: Process;
  provider: PaymentProvider;
}): PaymentProvider {
  const { world, calls, process, provider } = deps;
  /** What happens at the provider goes on whether or not somebody waits for it. */
  const never = new AbortController().signal;

  async function ask<T>(what: string, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const abandon = () => reject(new ProviderUnavailableError("the answer was not waited for"));
    if (signal.aborted) abandon();
    signal.addEventListener("abort", abandon);
    try {
      const answer = calls.ask(process, what, async () => {
        const result = await act();
        world.note(`${what}: ${JSON.stringify(result) ?? "done"}`);
        return result;
      });
      return await Promise.race([answer, aborted]);
    } catch (error) {
      if (error instanceof NoAnswerError) throw new ProviderUnavailableError(error.message);
      throw error;
    } finally {
      signal.removeEventListener("abort", abandon);
    }
  }

  return {
    capture: (request) =>
      ask(`capture of ${request.amount.minorUnits} (${request.paymentToken})`, request.signal, () =>
        provider.capture({ ...request, signal: never }),
      ),
    refund: (request) =>
      ask(`refund of ${request.amount.minorUnits}`, request.signal, () =>
        provider.refund({ ...request, signal: never }),
      ),
    findCapture: (key, signal) => ask("question for a capture", signal, () => provider.findCapture(key, never)),
    findRefund: (key, signal) => ask("question for a refund", signal, () => provider.findRefund(key, never)),
    findRefunds: (captureKey, signal) =>
      ask("question for refunds", signal, () => provider.findRefunds(captureKey, never)),
  };
}
