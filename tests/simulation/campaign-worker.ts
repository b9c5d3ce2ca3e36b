import type { Assignment } from "./campaign.ts";
import { createEmptyDatabases } from "./shop.ts";
import { simulate } from "./simulate.ts";

// One of the processes of a campaign: simulates the seeds that it is sent, one after another, until nobody sends any more.
const empty = await createEmptyDatabases();
process.on("exit", empty.close);
process.on("disconnect", () => process.exit());
process.on("message", async ({ seed, checkouts }: Assignment) => {
  const outcome = await simulate({ seed, checkouts, empty });
  process.send?.(outcome);
});
