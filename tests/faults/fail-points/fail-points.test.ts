import { after, before, describe, it } from "mocha";
import { databaseOf, type FaultShop, openFaultShop } from "../fault-shop.ts";
import { assertSetAdmin } from "./administrator.ts";
import { triedServices } from "./fail-point-cases.ts";
import { describeCase, runRound } from "./fail-point-round.ts";
import { assertFirstStart, firstStartPoints } from "./first-start.ts";
import { fixedRounds } from "./fixed-rounds.ts";

// Every kind of fail point, and every service. All of them, with every message and method: fail-points.verify.ts.
describe("a shop whose services die between two lines", function () {
  this.timeout(120_000);
  let shop: FaultShop;

  before(async () => {
    shop = await openFaultShop();
  });
  after(async () => {
    await shop?.close();
  });

  for (const round of fixedRounds) {
    it(`goes on after ${round.map(describeCase).join("; ")}`, async () => {
      await runRound(shop, round);
    });
  }

  it("has a whole administrator or none after set-admin died", async () => {
    await assertSetAdmin(shop, "transaction.before-commit", false);
    await assertSetAdmin(shop, "set-admin.after-save", true);
  });

  it("makes every database whole though its first starts died in the middle", async () => {
    await Promise.all(
      triedServices.map((service, index) => {
        // Other steps in each service, so that few starts come to every moment.
        const steps = firstStartPoints(service).filter(
          (_, position) => position % (triedServices.length + 1) === index,
        );
        return assertFirstStart(service, steps, databaseOf(shop, service));
      }),
    );
  });
});
