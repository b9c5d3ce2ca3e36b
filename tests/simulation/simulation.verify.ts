import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { describeFailure, runCampaign, summarize } from "./campaign.ts";

const seedCount = Number(process.env.SEEDS ?? 10_000);
/** Other seeds than those of `make test`. */
const first = Number(process.env.FIRST_SEED ?? 100_001);
const checkouts = 20;

describe("the shop, simulated at length", function () {
  this.timeout(4 * 60 * 60_000);

  it(`keeps its promises with ${seedCount} seeds of ${checkouts} checkouts`, async () => {
    const result = await runCampaign({ first, count: seedCount, checkouts });
    console.log(`      seeds ${first} to ${first + seedCount - 1}: ${summarize(result)}`);
    assert.equal(result.failed.length, 0, result.failed.map(describeFailure).join("\n\n"));
    assert.equal(result.seeds, seedCount);
  });
});
