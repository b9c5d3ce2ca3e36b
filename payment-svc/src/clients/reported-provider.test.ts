import assert from "node:assert/strict";
import { createMetrics, type Metrics } from "@quartet/chassis/metrics";
import { beforeEach, describe, it } from "mocha";
import { type PaymentProvider, ProviderUnavailableError } from "../app/ports.ts";
import { withReports } from "./reported-provider.ts";

describe("the reports about the payment provider", () => {
  let answer: () => void;
  let provider: PaymentProvider;
  let metrics: Metrics;
  let lines: string[];
  const { signal } = new AbortController();

  beforeEach(() => {
    answer = () => {};
    lines = [];
    metrics = createMetrics({ service: "test" });
    const log = {
      warn: (_: unknown, line?: string) => lines.push(`warn ${line}`),
      info: (_: unknown, line?: string) => lines.push(`info ${line}`),
    };
    const asked: PaymentProvider = {
      capture: async () => {
        answer();
        return { status: "CAPTURED" };
      },
      refund: async () => {
        answer();
        return 1;
      },
      findCapture: async () => {
        answer();
        return undefined;
      },
      findRefund: async () => {
        answer();
        return 1;
      },
      findRefunds: async () => {
        answer();
        return [];
      },
    };
    provider = withReports(asked, { log: log as never, metrics });
  });

  const calls = (given = signal): (() => Promise<unknown>)[] => {
    const amount = { currency: "EUR", minorUnits: 1 };
    return [
      () => provider.capture({ key: "a", amount, paymentToken: "", signal: given }),
      () => provider.refund({ key: "b", captureKey: "a", amount, signal: given }),
      () => provider.findCapture("a", given),
      () => provider.findRefund("b", given),
    ];
  };
  const gauge = async () => /payment_provider_calls_unanswered\{[^}]*\} (\d+)/.exec((await metrics.expose()).body)?.[1];
  const failWith = (error: Error) => {
    answer = () => {
      throw error;
    };
  };

  it("say once that it does not answer, whatever it is asked, and once that it does again", async () => {
    failWith(new ProviderUnavailableError("away"));
    for (const call of calls()) await assert.rejects(call(), /away/);
    assert.deepEqual(lines, ["warn payment provider does not answer"]);
    assert.equal(await gauge(), "4");
    answer = () => {};
    assert.deepEqual(await Promise.all(calls().map((call) => call())), [{ status: "CAPTURED" }, 1, undefined, 1]);
    assert.deepEqual(lines, ["warn payment provider does not answer", "info payment provider answers again"]);
    assert.equal(await gauge(), "0");
  });

  it("say nothing of a call that failed by itself", async () => {
    const [capture = assert.fail()] = calls();
    for (let times = 0; times < 5; times++) {
      failWith(new ProviderUnavailableError("lost"));
      await assert.rejects(capture());
      await assert.rejects(capture());
      answer = () => {};
      await capture();
    }
    assert.deepEqual(lines, []);
  });

  it("count a call that took too long, and none that a stop broke off or that is wrong", async () => {
    failWith(new ProviderUnavailableError("aborted"));
    const stopped = new AbortController();
    stopped.abort();
    for (const call of calls(stopped.signal)) await assert.rejects(call());
    assert.equal(await gauge(), "0");
    const late = AbortSignal.timeout(0);
    await new Promise((resolve) => late.addEventListener("abort", resolve));
    for (const call of calls(late)) await assert.rejects(call());
    assert.equal(await gauge(), "4");
    failWith(new Error("wrong"));
    for (const call of calls()) await assert.rejects(call(), /wrong/);
    assert.equal(await gauge(), "4");
  });
});
