import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { describeFailure, runCampaign, summarize } from "./campaign.ts";
import { createEmptyDatabases, type EmptyDatabases } from "./shop.ts";
import { simulate } from "./simulate.ts";

const seedCount = 1_000;
const checkouts = Number(process.env.CHECKOUTS ?? 10);
const seed = process.env.SEED === undefined ? undefined : Number(process.env.SEED);
const campaignTimeoutMs = 300_000;

describe("the shop, simulated", function () {
  this.timeout(60_000);
  let empty: EmptyDatabases;

  before(async () => {
    empty = await createEmptyDatabases();
  });
  after(() => empty?.close());

  if (seed !== undefined) {
    it(`keeps its promises with seed ${seed}`, async () => {
      const outcome = await simulate({ seed, checkouts, empty });
      console.log(outcome.tail.join("\n"));
      assert.deepEqual(outcome.violations, []);
    });
    return;
  }

  it("does exactly the same again with the same seed, and something else with another", async () => {
    const [once, again, other] = [
      await simulate({ seed: 1, checkouts, empty }),
      await simulate({ seed: 1, checkouts, empty }),
      await simulate({ seed: 2, checkouts, empty }),
    ];
    assert.deepEqual(again, once);
    assert.notEqual(other.hash, once.hash);
  });

  it(`keeps its promises with ${seedCount} seeds, whatever is lost, repeated, late or killed`, async function () {
    this.timeout(campaignTimeoutMs);
    const result = await runCampaign({ first: 1, count: seedCount, checkouts });
    console.log(`      ${summarize(result)}`);
    assert.equal(result.failed.length, 0, result.failed.map(describeFailure).join("\n\n"));
    assert.equal(result.seeds, seedCount);
  });
});
