import assert from "node:assert/strict";
import { ConfigError } from "@quartet/chassis/config";
import { describe, it } from "mocha";
import { readOrderConfig } from "./config.ts";

describe("the configuration of order-svc", () => {
  it("has a default for everything", () => {
    const config = readOrderConfig({});
    assert.equal(config.rpcPort, 50053);
    assert.equal(config.httpPort, 8083);
    assert.equal(config.productTarget, "127.0.0.1:50052");
    assert.equal(config.productTimeoutMs, 100);
    assert.equal(config.missingPriceTimeoutMs, 2_000);
    assert.equal(config.priceMaxAgeMs, 30_000);
    assert.equal(config.stepDeadlineMs, 15 * 60_000);
    assert.equal(config.cancelWindowMs, 24 * 60 * 60_000);
  });

  it("names every problem at once", () => {
    assert.throws(
      () => readOrderConfig({ RPC_PORT: "x", STEP_DEADLINE_MS: "1", CANCEL_WINDOW_MS: "-1" }),
      (error) => error instanceof ConfigError && error.problems.length === 3,
    );
  });
});
