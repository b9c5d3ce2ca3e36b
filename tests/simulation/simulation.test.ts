import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { type CampaignResult, describeFailure, runCampaign, summarize } from "./campaign.ts";
import { createEmptyDatabases, type EmptyDatabases } from "./shop.ts";
import { simulate } from "./simulate.ts";

const seedCount = 1_000;
const checkouts = Number(process.env.CHECKOUTS ?? 10);
const seed = process.env.SEED === undefined ? undefined : Number(process.env.SEED);

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

  let campaign: CampaignResult;

  it(`keeps its promises with ${seedCount} seeds, whatever is lost, repeated, late or killed`, async function () {
    // About a minute on two processors that have nothing else to do.
    this.timeout(600_000);
    campaign = await runCampaign({ first: 1, count: seedCount, checkouts });
    console.log(`      ${summarize(campaign)}`);
    assert.equal(campaign.failed.length, 0, campaign.failed.map(describeFailure).join("\n\n"));
    assert.equal(campaign.seeds, seedCount);
  });

  it("does exactly the same again with the same seed, in another process and after other seeds", async () => {
    const [last, first] = [
      await simulate({ seed: seedCount, checkouts, empty }),
      await simulate({ seed: 1, checkouts, empty }),
    ];
    assert.deepEqual(await simulate({ seed: 1, checkouts, empty }), first);
    assert.deepEqual([first.hash, last.hash], [campaign.hashes.get(1), campaign.hashes.get(seedCount)]);
    assert.equal(new Set(campaign.hashes.values()).size, seedCount);
  });
});
