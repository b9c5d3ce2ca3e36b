import type { Logger } from "@quartet/chassis/log";
import type { Metrics } from "@quartet/chassis/metrics";
import { type PaymentProvider, ProviderUnavailableError } from "../app/ports.ts";

/** One call may fail for reasons of its own. */
const failuresUntilAway = 3;

/**
 * The same provider. The log says once when three calls in a row have not been answered, and once when one is answered
 * again; a gauge shows how many it were. What waits for the provider waits quietly otherwise, for as long as that lasts.
 */
export function withReports<P extends PaymentProvider>(
  provider: P,
  options: { readonly log: Pick<Logger, "warn" | "info">; readonly metrics: Metrics },
): P {
  const { log, metrics } = options;
  let failures = 0;
  metrics.addGauge({
    name: "payment_provider_calls_unanswered",
    help: "Calls to the payment provider that were not answered since one was",
    value: () => failures,
  });

  async function reported<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      const answer = await call();
      if (failures >= failuresUntilAway) log.info({ unanswered: failures }, "payment provider answers again");
      failures = 0;
      return answer;
    } catch (error) {
      // Whoever stops does not wait for the answer; whose time is over has waited in vain.
      const isStopped = signal.aborted && (signal.reason as Error).name !== "TimeoutError";
      if (error instanceof ProviderUnavailableError && !isStopped) {
        failures += 1;
        if (failures === failuresUntilAway) log.warn({ err: error }, "payment provider does not answer");
      }
      throw error;
    }
  }

  return {
    ...provider,
    capture: (request) => reported(() => provider.capture(request), request.signal),
    refund: (request) => reported(() => provider.refund(request), request.signal),
    findCapture: (key, signal) => reported(() => provider.findCapture(key, signal), signal),
    findRefund: (key, signal) => reported(() => provider.findRefund(key, signal), signal),
    findRefunds: (captureKey, signal) => reported(() => provider.findRefunds(captureKey, signal), signal),
  };
}
