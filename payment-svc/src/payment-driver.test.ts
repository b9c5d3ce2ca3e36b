import assert from "node:assert/strict";
import { silentLogger } from "@quartet/chassis/log";
import { eventually } from "@quartet/chassis/testing/eventually";
import { newTrace } from "@quartet/chassis/trace";
import { currentContext, runInContext } from "@quartet/chassis/work-context";
import { afterEach, describe, it } from "mocha";
import type { DrivePayment } from "./app/drive-payment.ts";
import { keyOf, type ProviderTask } from "./app/ports.ts";
import { createPaymentDriver, type PaymentDriver } from "./payment-driver.ts";

const captures = (count: number): ProviderTask[] =>
  Array.from({ length: count }, (_, index) => ({ kind: "capture", paymentId: `o${index}` }));

describe("the payment driver", () => {
  let driver: PaymentDriver;
  let due: ProviderTask[];

  const callsMax = 16;
  const start = (drive: DrivePayment) => {
    const payments = {
      due: async (_now: number, limit: number, excluded: readonly string[] = []) =>
        due.filter((task) => !excluded.includes(keyOf(task))).slice(0, limit),
    };
    driver = createPaymentDriver({ payments, drive, now: () => 0, log: silentLogger(), callsMax });
    driver.start();
  };
  const remove = (task: ProviderTask) => {
    due = due.filter((other) => other !== task);
  };

  afterEach(() => driver.stop());

  it("does all that is due, each once, and not more at a time than it may", async () => {
    due = captures(50);
    const driven: string[] = [];
    let [running, most] = [0, 0];
    start(async (task) => {
      driven.push(task.paymentId);
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      remove(task);
    });
    await eventually("all is done", () => due.length === 0 && running === 0);
    assert.deepEqual(
      driven,
      captures(50).map(({ paymentId }) => paymentId),
    );
    assert.equal(most, callsMax);
  });

  it("goes on with the others when one fails, and tries that one no sooner than at the next poll", async () => {
    due = captures(40);
    const attempts = new Map<string, number>();
    start(async (task) => {
      attempts.set(task.paymentId, (attempts.get(task.paymentId) ?? 0) + 1);
      if (task.paymentId === "o0") throw new Error("broken");
      remove(task);
    });
    await eventually("the others are done", () => due.length === 1);
    assert.equal(attempts.get("o0"), 1);
    await eventually("it is tried again", () => attempts.get("o0") === 2);
  });

  it("works in the trace of whoever says that there is work, but not within their deadline", async () => {
    due = [];
    const contexts: unknown[] = [];
    start(async (task) => {
      contexts.push(currentContext());
      remove(task);
    });
    await new Promise(setImmediate);
    due = captures(1);
    const [trace, { signal }] = [newTrace(), new AbortController()];
    runInContext({ trace, work: "a call", deadlineTime: 1, signal, isOver: () => true }, () => driver.nudge("o0"));
    await eventually("it is done", () => contexts.length === 1);
    assert.deepEqual(contexts, [{ trace, work: "a call" }]);
  });

  it("works for each payment in the trace of whoever asked for it, also when one look finds the work of all", async () => {
    due = [];
    const found: [string, unknown][] = [];
    start(async (task) => {
      found.push([task.paymentId, currentContext()?.trace]);
      await new Promise((resolve) => setImmediate(resolve));
      remove(task);
    });
    await new Promise(setImmediate);
    due = captures(3);
    const traces = [newTrace(), newTrace()];
    for (const [index, trace] of traces.entries()) runInContext({ trace }, () => driver.nudge(`o${index}`));
    await eventually("it is done", () => due.length === 0);
    assert.deepEqual(found, [
      ["o0", traces[0]],
      ["o1", traces[1]],
      ["o2", undefined],
    ]);
  });

  it("tells what is under way that it is over when it stops, and begins nothing more", async () => {
    due = captures(20);
    let begun = 0;
    start((_task, signal) => {
      begun++;
      return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
    });
    await eventually("as many as may are under way", () => begun === callsMax);
    await driver.stop();
    driver.nudge("o0");
    assert.equal(begun, callsMax);
  });
});
