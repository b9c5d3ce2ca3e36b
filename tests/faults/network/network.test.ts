import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { compareVenue, openVenue, type Venue } from "../customers/crowd.ts";
import { seededRandom, seedFrom } from "../random.ts";
import { networkScenarios } from "./network-scenarios.ts";
import { type NetworkSystem, startNetworkSystem } from "./network-system.ts";
import { runScenario } from "./run-scenario.ts";

const seed = seedFrom(process.env);
const faultMs = 3_000;
const scarcePieces = 5;
const again = `SEED=${seed} make test TESTS=tests/faults/network/network.test.ts (what is drawn follows from the seed, its moment from time)`;

/** The cheapest of those that `make verify` runs all of, and for longer. */
const chosen = [
  "connections to the broker break in mid-frame",
  "the broker is in a black hole for order-svc alone",
  "product-svc is in a black hole for order-svc",
  "connections of the gateway to the services are reset again and again",
];

describe("the shop in a network with faults, for a moment", function () {
  this.timeout(180_000);
  let system: NetworkSystem;
  let venue: Venue;

  before(async () => {
    system = await startNetworkSystem(seededRandom(seed));
    venue = await openVenue(system, scarcePieces);
  });
  after(async () => {
    await system?.close();
  });

  for (const [index, name] of chosen.entries()) {
    it(`keeps its promises when ${name}`, async () => {
      const scenario = networkScenarios.find((candidate) => candidate.name === name) ?? assert.fail(name);
      const own = { scenario, seed: seed + index, faultMs, isTimed: false };
      const { problems } = await runScenario({ system, venue, ...own });
      assert.deepEqual(problems, [], again);
    });
  }

  it("shows everything that was acknowledged, once, in the end", async () => {
    assert.deepEqual(await compareVenue(venue), [], again);
  });
});
