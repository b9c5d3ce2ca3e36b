import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { brokerVersion } from "../broker-version.ts";
import { compareVenue, openVenue, type Venue } from "../customers/crowd.ts";
import { seededRandom, seedFrom } from "../random.ts";
import { networkScenarios } from "./network-scenarios.ts";
import { type NetworkSystem, startNetworkSystem } from "./network-system.ts";
import { runScenario } from "./run-scenario.ts";

const seed = seedFrom(process.env);
const faultMs = 20_000;
const scarcePieces = 20;
const again = `SEED=${seed} make verify TESTS=tests/faults/network/network.verify.ts (what is drawn follows from the seed, its moment from time)`;

describe("the shop in a network with faults", function () {
  this.timeout(300_000);
  let system: NetworkSystem;
  let venue: Venue;

  before(async () => {
    system = await startNetworkSystem(seededRandom(seed));
    venue = await openVenue(system, scarcePieces);
    console.log(`      seed ${seed}, RabbitMQ ${brokerVersion(system)}, each fault ${faultMs / 1000} s`);
  });
  after(async () => {
    await system?.close();
  });

  for (const [index, scenario] of networkScenarios.entries()) {
    it(`keeps its promises when ${scenario.name}`, async () => {
      const own = { scenario, seed: seed + index, faultMs, isTimed: true };
      const { problems, figures } = await runScenario({ system, venue, ...own });
      console.log(`      ${figures}`);
      assert.deepEqual(problems, [], again);
    });
  }

  it("shows everything that was acknowledged, once, in the end", async () => {
    assert.deepEqual(await compareVenue(venue), [], again);
  });
});
