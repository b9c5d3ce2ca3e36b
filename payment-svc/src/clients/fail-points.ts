import { failPoint } from "@quartet/chassis/fail-point";
import type { PaymentProvider } from "../app/ports.ts";

/** The same provider, with fail points before each call and between its answer and what is made of it. */
export function withFailPoints<P extends PaymentProvider>(provider: P): P {
  return {
    ...provider,
    async capture(request) {
      failPoint("provider.before-capture");
      const result = await provider.capture(request);
      failPoint("provider.after-capture");
      return result;
    },
    async refund(request) {
      failPoint("provider.before-refund");
      const returnedMinor = await provider.refund(request);
      failPoint("provider.after-refund");
      return returnedMinor;
    },
    async findCapture(key, signal) {
      failPoint("provider.before-find-capture");
      const result = await provider.findCapture(key, signal);
      failPoint("provider.after-find-capture");
      return result;
    },
    async findRefund(key, signal) {
      failPoint("provider.before-find-refund");
      const returnedMinor = await provider.findRefund(key, signal);
      failPoint("provider.after-find-refund");
      return returnedMinor;
    },
  };
}
