import { after, before, describe, it } from "mocha";
import { databaseOf, type FaultShop, openFaultShop } from "../fault-shop.ts";
import { judgeMeanwhile, type StormJudge } from "../judge/storm-judge.ts";
import { assertSetAdmin, setAdminPoints } from "./administrator.ts";
import { allCases, toRounds, triedServices } from "./fail-point-cases.ts";
import { assertHeldMeanwhile, describeCase, runRound } from "./fail-point-round.ts";
import { assertFirstStart, firstStartPoints } from "./first-start.ts";

describe("a shop whose services die at every fail point", function () {
  this.timeout(240_000);
  let shop: FaultShop;
  let judge: StormJudge;
  let cases = 0;
  let deaths = 0;
  let slowestMs = 0;

  before(async () => {
    shop = await openFaultShop();
    judge = judgeMeanwhile(shop.dataDir);
  });
  after(async () => {
    console.log(
      `${cases} cases, ${deaths} deaths by SIGKILL; the books agreed after ${Math.round(slowestMs)} ms at most, and were read ${judge?.readings()} times`,
    );
    await judge?.stop();
    await shop?.close();
  });

  for (const round of toRounds(allCases())) {
    it(`goes on after ${round.map(describeCase).join("; ")}`, async () => {
      const outcome = await runRound(shop, round);
      cases += round.length;
      deaths += outcome.deaths;
      slowestMs = Math.max(slowestMs, outcome.convergenceMs);
    });
  }

  for (const [failPoint, isThere] of setAdminPoints) {
    it(`has ${isThere ? "a whole" : "no"} administrator when set-admin died at ${failPoint}`, async () => {
      await assertSetAdmin(shop, failPoint, isThere);
      cases += 1;
      deaths += 1;
    });
  }

  for (const service of triedServices) {
    const steps = firstStartPoints(service);
    it(`makes the database of ${service} whole though its first ${steps.length} starts died on the way`, async () => {
      await assertFirstStart(service, steps, databaseOf(shop, service));
      cases += steps.length;
      deaths += steps.length;
    });
  }

  it("had books meanwhile in which held, at every read, what always must", async () => {
    await assertHeldMeanwhile(judge);
  });
});
