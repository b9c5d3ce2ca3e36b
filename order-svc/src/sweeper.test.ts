import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { createSweeper } from "./sweeper.ts";

describe("a sweeper", () => {
  const log = { info: () => {}, error: () => {} };
  const create = (batch: () => Promise<number>, intervalMs = 1) =>
    createSweeper({ what: "dust", batch, log, intervalMs });
  // Longer than any test may take: whatever sweeps then was woken.
  const neverMs = 3_600_000;

  it("sweeps again and again, also after a failure, until it is stopped", async () => {
    let calls = 0;
    const swept = Promise.withResolvers<void>();
    const sweeper = create(async () => {
      calls += 1;
      if (calls === 1) throw new Error("busy");
      if (calls === 3) swept.resolve();
      return 0;
    });
    sweeper.start();
    await swept.promise;
    await sweeper.stop();
    const atStop = calls;
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(calls, atStop);
  });

  it("goes on with the next batch at once as long as there is something to do", async () => {
    const left = [3, 2, 1, 0];
    const done = Promise.withResolvers<void>();
    const sweeper = create(async () => {
      const count = left.shift() ?? assert.fail("went on with nothing to do");
      if (left.length === 0) done.resolve();
      return count;
    }, neverMs);
    sweeper.start();
    sweeper.wake();
    await done.promise;
    await sweeper.stop();
  });

  it("leaves time for others when there is always something to do", async () => {
    let calls = 0;
    const sweeper = create(async () => {
      calls += 1;
      return 1;
    }, neverMs);
    sweeper.start();
    sweeper.wake();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await sweeper.stop();
    assert.equal(calls, 10);
  });

  it("sweeps at once when it is woken, and once more when it is woken while it sweeps", async () => {
    let calls = 0;
    const second = Promise.withResolvers<void>();
    const sweeper = create(async () => {
      calls += 1;
      if (calls === 1) sweeper.wake();
      if (calls === 2) second.resolve();
      return 0;
    }, neverMs);
    sweeper.start();
    sweeper.wake();
    await second.promise;
    await sweeper.stop();
    assert.equal(calls, 2);
  });

  it("does nothing when it is woken while it does not run", async () => {
    const sweeper = create(async () => assert.fail("swept"));
    sweeper.wake();
    sweeper.start();
    await sweeper.stop();
    sweeper.wake();
  });

  it("waits at its stop for the sweep under way", async () => {
    const started = Promise.withResolvers<void>();
    const release = Promise.withResolvers<number>();
    const sweeper = create(() => {
      started.resolve();
      return release.promise;
    });
    sweeper.start();
    await started.promise;
    let stopped = false;
    const stopping = sweeper.stop().then(() => {
      stopped = true;
    });
    await Promise.resolve();
    assert.equal(stopped, false);
    release.resolve(0);
    await stopping;
  });
});
