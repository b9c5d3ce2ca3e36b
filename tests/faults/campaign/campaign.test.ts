import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { waitMaxDefaultMs } from "../../../tools/audit/judge.ts";
import { type NativeSystem, startNativeSystem } from "../../e2e/native-system.ts";
import { planCheckouts, unsoldShare } from "../customers/checkout-plan.ts";
import { campaignNumbers, runCampaign } from "./campaign.ts";
import { type KillStep, planKills } from "./kill-plan.ts";

const numbers = campaignNumbers(process.env, {
  checkouts: 1_000,
  kills: { perService: 7, gateway: 4, broker: 3, freezes: 4 },
});
const again = `SEED=${numbers.seed} CHECKOUTS=${numbers.checkouts} make faults (the same plan; which moment a kill hits is up to time)`;

describe("a random campaign of kills", function () {
  this.timeout(600_000);
  let system: NativeSystem;

  before(async () => {
    system = await startNativeSystem();
  });
  after(async () => {
    await system?.close();
  });

  it("loses nothing that was acknowledged, does nothing twice, and settles within 30 s after the last fault", async () => {
    const { problems, figures, settledMs } = await runCampaign({ system, ...numbers });
    for (const line of figures) console.log(`      ${line}`);
    assert.deepEqual(problems, [], again);
    assert.ok(settledMs <= waitMaxDefaultMs, `settled after ${Math.round(settledMs)} ms; ${again}`);
  });
});

const isFreeze = ({ frozenMs }: KillStep) => frozenMs !== undefined;

describe("the plan of a campaign", () => {
  it("follows from its seed", () => {
    assert.deepEqual(planCheckouts(1, 250), planCheckouts(1, 250));
    assert.notDeepEqual(planCheckouts(1, 250), planCheckouts(2, 250));
    assert.deepEqual(planKills(1, numbers.kills, 250), planKills(1, numbers.kills, 250));
    assert.notDeepEqual(planKills(1, numbers.kills, 250), planKills(2, numbers.kills, 250));
  });

  it("has 30 of a hundred checkouts declined, out of stock or cancelled", () => {
    assert.equal(unsoldShare, 30);
    const unsold = planCheckouts(7, 1_000).filter(({ ends }) => ends.every((end) => end.startsWith("CANCELLED")));
    assert.equal(unsold.length, 300);
  });

  it("kills each part as often as it should", () => {
    for (let seed = 0; seed < 100; seed++) {
      const steps = planKills(seed, { perService: 5, gateway: 3, broker: 2, freezes: 4 }, 1_000);
      const [frozen, killing] = [steps.filter(isFreeze), steps.filter((step) => !isFreeze(step))];
      const killed = killing.flatMap(({ parts, againMs }) => [
        ...parts,
        ...(againMs === undefined ? [] : parts.slice(0, 1)),
      ]);
      const times = (part: string) => killed.filter((candidate) => candidate === part).length;
      assert.deepEqual(["user-svc", "order-svc", "envoy", "rabbitmq"].map(times), [5, 5, 3, 2]);
      assert.equal(frozen.length, 4);
      const moments = steps.map(({ afterCheckouts }) => afterCheckouts);
      assert.deepEqual(
        moments,
        [...moments].sort((a, b) => a - b),
      );
      assert.ok(moments.every((moment) => moment < 1_000));
    }
  });
});
