import assert from "node:assert/strict";
import { access, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, it } from "mocha";
import { splitService } from "../tools/split/split-service.ts";

interface Lockfile {
  packages: Record<string, { version?: string; resolved?: string }>;
}

const root = fileURLToPath(new URL("../", import.meta.url));

describe("splitService", function () {
  // Compiles the libraries, installs, tests and compiles the service.
  this.timeout(300_000);
  let folder: string;
  const lines: string[] = [];
  const split = (service: string) => splitService({ root, service, folder, report: (line) => lines.push(line) });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "split-"));
    lines.length = 0;
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("makes a service that installs, passes its tests and builds with nothing of the workspace", async () => {
    await split("order-svc");
    assert.match(lines.join("\n"), /npm install passes\n.*npm test passes: \d+ passing.*\n.*npm run build passes$/);
    await access(join(folder, "dist", "main.js"));

    const vendor = (await readdir(join(folder, "vendor"))).sort();
    assert.deepEqual(
      vendor.map((name) => name.replace(/-\d+\.\d+\.\d+/, "")),
      ["quartet-chassis.tgz", "quartet-proto.tgz"],
    );
    const configuration = [
      "package.json",
      ".mocharc.json",
      "tsconfig.json",
      "tsconfig.build.json",
      "package-lock.json",
    ];
    for (const name of configuration) {
      const text = await readFile(join(folder, name), "utf8");
      assert.ok(!text.includes(root), `${name} names the workspace`);
      assert.ok(!text.includes("conditions=source"), `${name} asks for sources`);
    }
    await access(join(folder, "node_modules/@quartet/proto/dist/contract.binpb"));
    await access(join(folder, "node_modules/@quartet/proto/shop/options/v1/options.proto"));
    assert.ok((await readdir(join(folder, "node_modules/@quartet/chassis/migrations"))).length > 0);
    await assertSameVersions(join(folder, "package-lock.json"));
  });

  it("leaves no compiled libraries in the workspace", async () => {
    for (const library of ["proto", "chassis"]) await assert.rejects(access(join(root, library, "dist")));
  });

  it("refuses a folder that is not empty", async () => {
    await writeFile(join(folder, "mine.txt"), "keep");
    await assert.rejects(split("order-svc"), /is not empty/);
    assert.deepEqual(await readdir(folder), ["mine.txt"]);
  });

  it("refuses what is no service", async () => {
    await assert.rejects(split("parcel-svc"), /parcel-svc is no service/);
  });
});

async function assertSameVersions(file: string): Promise<void> {
  const workspace = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")) as Lockfile;
  const own = JSON.parse(await readFile(file, "utf8")) as Lockfile;
  for (const [path, { version, resolved }] of Object.entries(own.packages)) {
    if (path === "" || resolved?.startsWith("file:vendor/")) continue;
    assert.equal(version, workspace.packages[path]?.version, path);
  }
}
