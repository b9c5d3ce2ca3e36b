import { after, before, describe, it } from "mocha";
import { databaseOf, type FaultShop, openFaultShop } from "../fault-shop.ts";
import { judgeMeanwhile, type StormJudge } from "../judge/storm-judge.ts";
import { assertSetAdmin } from "./administrator.ts";
import { assertHeldMeanwhile, describeCase, runRound } from "./fail-point-round.ts";
import { assertFirstStart } from "./first-start.ts";
import { fixedAdminPoints, fixedFirstStarts, fixedRounds } from "./fixed-rounds.ts";

// Every kind of fail point, and every service. All of them, with every message and method: fail-points.verify.ts.
describe("a shop whose services die between two lines", function () {
  this.timeout(120_000);
  let shop: FaultShop;
  let judge: StormJudge;

  before(async () => {
    shop = await openFaultShop();
    judge = judgeMeanwhile(shop.dataDir);
  });
  after(async () => {
    await judge?.stop();
    await shop?.close();
  });

  for (const round of fixedRounds) {
    it(`goes on after ${round.map(describeCase).join("; ")}`, async () => {
      await runRound(shop, round);
    });
  }

  it("has a whole administrator or none after set-admin died", async () => {
    for (const [failPoint, isThere] of fixedAdminPoints) await assertSetAdmin(shop, failPoint, isThere);
  });

  it("makes every database whole though its first starts died in the middle", async () => {
    await Promise.all(
      fixedFirstStarts.map(([service, deaths]) => assertFirstStart(service, deaths, databaseOf(shop, service))),
    );
  });

  it("had books meanwhile in which held, at every read, what always must", async () => {
    await assertHeldMeanwhile(judge);
  });
});
