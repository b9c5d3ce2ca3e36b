import assert from "node:assert/strict";
import { eventually } from "@quartet/chassis/testing/eventually";
import { describe, it } from "mocha";
import { createPeriodicWorker } from "./periodic-worker.ts";

describe("a periodic worker", () => {
  const logged: unknown[] = [];
  const log = { error: (...line: unknown[]) => void logged.push(line) };
  const work = (round: () => Promise<boolean> | boolean, intervalMs = 1) =>
    createPeriodicWorker({ what: "count", intervalMs, round, log });

  it("begins at once, does all there is, and comes again", async () => {
    const pending = [3, 2];
    let rounds = 0;
    const worker = work(() => {
      rounds += 1;
      pending[0] = (pending[0] ?? 1) - 1;
      if (pending[0] === 0) pending.shift();
      return rounds !== 3 && rounds !== 5;
    });
    worker.start();
    worker.start();
    await eventually("both loads are done", () => pending.length === 0);
    await worker.stop();
  });

  it("does nothing any more once it has stopped, and waits for what is under way", async () => {
    const started = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    let rounds = 0;
    const worker = work(async () => {
      rounds += 1;
      started.resolve();
      await goOn.promise;
      return true;
    });
    worker.start();
    await started.promise;
    let isStopped = false;
    const stopped = worker.stop().then(() => {
      isStopped = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isStopped, false);
    goOn.resolve();
    await stopped;
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(rounds, 1);
  });

  it("logs what fails and comes again", async () => {
    let rounds = 0;
    const worker = work(() => {
      rounds += 1;
      if (rounds === 1) throw new Error("no");
      return false;
    });
    worker.start();
    await eventually("it comes again", () => rounds > 2);
    await worker.stop();
    assert.match(JSON.stringify(logged), /cannot count/);
    assert.equal(logged.length, 1);
  });

  it("lets others work in between when there is no end of work", async () => {
    let rounds = 0;
    const worker = work(() => {
      rounds += 1;
      return true;
    }, 60_000);
    worker.start();
    await eventually("the first rounds are over", () => rounds >= 100);
    await worker.stop();
    assert.equal(rounds, 100);
  });
});
