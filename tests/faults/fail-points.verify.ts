import { after, before, describe, it } from "mocha";
import { allCases, toRounds } from "./fail-point-cases.ts";
import { describeCase, runRound } from "./fail-point-round.ts";
import { type FaultShop, openFaultShop } from "./fault-shop.ts";

describe("a shop whose services die at every fail point", function () {
  this.timeout(240_000);
  let shop: FaultShop;
  let cases = 0;
  let deaths = 0;
  let slowestMs = 0;

  before(async () => {
    shop = await openFaultShop();
  });
  after(async () => {
    console.log(
      `${cases} cases, ${deaths} deaths by SIGKILL; the books agreed after ${Math.round(slowestMs)} ms at most`,
    );
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
});
