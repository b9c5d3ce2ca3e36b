import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { createDeadlineSweeper } from "./deadline-sweeper.ts";

describe("the deadline sweeper", () => {
  const log = { info: () => {}, error: () => {} };

  it("sweeps again and again, also after a failure, until it is stopped", async () => {
    let calls = 0;
    const swept = Promise.withResolvers<void>();
    const sweeper = createDeadlineSweeper({
      expireOrders: async () => {
        calls += 1;
        if (calls === 1) throw new Error("busy");
        if (calls === 3) swept.resolve();
        return 0;
      },
      log,
      intervalMs: 1,
    });
    sweeper.start();
    await swept.promise;
    await sweeper.stop();
    const atStop = calls;
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(calls, atStop);
  });

  it("waits at its stop for the sweep under way", async () => {
    const started = Promise.withResolvers<void>();
    const release = Promise.withResolvers<number>();
    const sweeper = createDeadlineSweeper({
      expireOrders: () => {
        started.resolve();
        return release.promise;
      },
      log,
      intervalMs: 1,
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
