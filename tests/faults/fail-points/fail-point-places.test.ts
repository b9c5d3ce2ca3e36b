import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { failPointNames } from "@quartet/chassis/fail-point";
import { describe, it } from "mocha";
import { setAdminPoints } from "./administrator.ts";
import { allCases, triedServices } from "./fail-point-cases.ts";
import { firstStartPoints } from "./first-start.ts";
import { fixedRounds } from "./fixed-rounds.ts";

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

describe("the list of fail points", () => {
  it("names every place in the code, and no other", () => {
    const found = sources().flatMap((path) => [...readFileSync(path, "utf8").matchAll(place)].map(([, name]) => name));
    assert.deepEqual([...new Set(found)].sort(), [...failPointNames].sort());
  });

  it("has each tried by the campaign, and of each part and service some by every run of the tests", () => {
    const names = (failPoints: readonly string[]) => failPoints.map((failPoint) => failPoint.replace(/[:#].*/, ""));
    const others = [...triedServices.flatMap(firstStartPoints), ...setAdminPoints.map(([failPoint]) => failPoint)];
    const tried = names([...allCases().flatMap(({ deaths }) => deaths), ...others]);
    assert.deepEqual([...new Set(tried)].sort(), [...failPointNames].sort());
    const parts = (all: readonly string[]) => [...new Set(all.map((name) => name.replace(/\..*/, "")))].sort();
    const fixed = fixedRounds.flat();
    const always = names([...fixed.flatMap(({ deaths }) => deaths), ...others]);
    assert.deepEqual(parts(always), parts(failPointNames));
    assert.deepEqual([...new Set(fixed.map(({ service }) => service))].sort(), [...triedServices].sort());
  });

  it("names each once", () => assert.equal(new Set(failPointNames).size, failPointNames.length));
});
