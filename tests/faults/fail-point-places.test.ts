import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { failPointNames } from "@quartet/chassis/fail-point";
import { describe, it } from "mocha";

const rootDir = join(import.meta.dirname, "..", "..");
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

  it("names each once", () => assert.equal(new Set(failPointNames).size, failPointNames.length));
});
