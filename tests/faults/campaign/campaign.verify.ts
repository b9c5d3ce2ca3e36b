import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { waitMaxDefaultMs } from "../../../tools/audit/judge.ts";
import { type NativeSystem, startNativeSystem } from "../../e2e/native-system.ts";
import { campaignNumbers, runCampaign } from "./campaign.ts";

const numbers = campaignNumbers(process.env, {
  checkouts: 10_000,
  kills: { perService: 130, gateway: 40, broker: 32, freezes: 40 },
});
const again = `SEED=${numbers.seed} CHECKOUTS=${numbers.checkouts} make verify TESTS=tests/faults/campaign/campaign.verify.ts (the same plan; which moment a kill hits is up to time)`;

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
    const { problems, figures, settledMs } = await runCampaign({ system, ...numbers, report });
    figures.forEach(report);
    assert.deepEqual(problems, [], again);
    assert.ok(settledMs <= waitMaxDefaultMs, `settled after ${Math.round(settledMs)} ms; ${again}`);
  });
});
