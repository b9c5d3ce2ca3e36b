import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { failPointNames } from "@quartet/chassis/fail-point";
import { describe, it } from "mocha";
import { setAdminPoints } from "./administrator.ts";
import { allCases, triedServices } from "./fail-point-cases.ts";
import { firstStartPoints } from "./first-start.ts";
import { fixedAdminPoints, fixedFirstStarts, fixedRounds } from "./fixed-rounds.ts";

const rootDir = join(import.meta.dirname, "..", "..", "..");
const place = /\bfailPoint(?:AfterWrites)?\(\s*"([^"]+)"/g;

/** The sources of the product: of the chassis and of every service, without their tests. */
function sources(): string[] {
  const folders = readdirSync(rootDir).filter((name) => name === "chassis" || name.endsWith("-svc"));
  return folders.flatMap((folder) =>
    readdirSync(join(rootDir, folder, "src"), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts") && !/\.test(-child)?\.ts$|(^|\/)testing\//.test(path))
      .map((path) => join(rootDir, folder, "src", path)),
  );
}

/** The moments at which every run of the tests has somebody die: what a crash there would lose, or do twice. */
const alwaysTried = [
  ...["transaction.before-commit", "transaction.after-commit"],
  ...["outbox.after-append", "relay.after-publish", "relay.after-confirm", "relay.after-mark"],
  ...["consumer.after-begin", "consumer.before-ack", "consumer.after-ack", "consumer.before-park"],
  ...["request.after-claim", "request.before-answer"],
  ...["provider.before-capture", "provider.after-capture", "provider.after-refund"],
  ...["migration.after-statements", "migration.before-commit", "migration.after-commit"],
];

describe("the list of fail points", () => {
  it("names every place in the code, and no other", () => {
    const found = sources().flatMap((path) => [...readFileSync(path, "utf8").matchAll(place)].map(([, name]) => name));
    assert.deepEqual([...new Set(found)].sort(), [...failPointNames].sort());
  });

  it("has each tried by the campaign, and of each part and service some by every run of the tests", () => {
    const names = (failPoints: readonly string[]) => failPoints.map((failPoint) => failPoint.replace(/[:#].*/, ""));
    const ofAdmin = setAdminPoints.map(([failPoint]) => failPoint);
    const ofFirstStarts = triedServices.flatMap(firstStartPoints);
    const tried = names([...allCases().flatMap(({ deaths }) => deaths), ...ofFirstStarts, ...ofAdmin]);
    assert.deepEqual([...new Set(tried)].sort(), [...failPointNames].sort());
    const parts = (all: readonly string[]) => [...new Set(all.map((name) => name.replace(/\..*/, "")))].sort();
    const fixed = fixedRounds.flat();
    const fixedDeaths = [...fixed.flatMap(({ deaths }) => deaths), ...fixedFirstStarts.flatMap(([, deaths]) => deaths)];
    const always = names([...fixedDeaths, ...fixedAdminPoints.map(([failPoint]) => failPoint)]);
    assert.deepEqual(parts(always), parts(failPointNames));
    assert.deepEqual(
      alwaysTried.filter((name) => !always.includes(name)),
      [],
    );
    assert.deepEqual([...new Set(fixed.map(({ service }) => service))].sort(), [...triedServices].sort());
  });

  it("names each once", () => assert.equal(new Set(failPointNames).size, failPointNames.length));
});
