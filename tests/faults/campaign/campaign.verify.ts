import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { type NativeSystem, startNativeSystem } from "../../e2e/native-system.ts";
import { seedFrom, wholeNumberFrom } from "../random.ts";
import { runCampaign } from "./campaign.ts";

const seed = seedFrom(process.env);
const checkouts = wholeNumberFrom(process.env, "CHECKOUTS", 10_000);
const concurrency = wholeNumberFrom(process.env, "SHOPPERS", 32);
const kills = {
  perService: wholeNumberFrom(process.env, "SERVICE_KILLS", 130),
  gateway: wholeNumberFrom(process.env, "GATEWAY_KILLS", 40),
  broker: wholeNumberFrom(process.env, "BROKER_KILLS", 32),
  freezes: wholeNumberFrom(process.env, "FREEZES", 40),
};
const settleMaxMs = 30_000;

describe("a long random campaign of kills", function () {
  this.timeout(4 * 3_600_000);
  let system: NativeSystem;

  before(async () => {
    system = await startNativeSystem();
  });
  after(async () => {
    await system?.close();
  });

  it("loses nothing that was acknowledged, does nothing twice, and settles within 30 s after the last fault", async () => {
    const report = (line: string) => console.log(`      ${line}`);
    const options = { system, seed, checkouts, kills, concurrency, report };
    const { problems, figures, settledMs } = await runCampaign(options);
    figures.forEach(report);
    const again = `SEED=${seed} CHECKOUTS=${checkouts} make verify TESTS=tests/faults/campaign/campaign.verify.ts (the same plan; which moment a kill hits is up to time)`;
    assert.deepEqual(problems, [], again);
    assert.ok(settledMs <= settleMaxMs, `settled after ${Math.round(settledMs)} ms; ${again}`);
  });
});
