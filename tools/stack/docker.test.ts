import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { serviceNames } from "./stack-config.ts";

const rootDir = join(import.meta.dirname, "..", "..");
const hasDocker =
  spawnSync("docker", ["compose", "version"]).status === 0 &&
  spawnSync("docker", ["info"], { stdio: "ignore" }).status === 0;

/** What needs no container. The rest is tried by hand and in tests/e2e/compose.test.ts. */
describe("commands in Docker", function () {
  this.timeout(60_000);
  let folder: string;
  const run = (...args: string[]) =>
    spawnSync("sh", [join(import.meta.dirname, "stack.sh"), ...args], {
      encoding: "utf8",
      env: {
        ...process.env,
        MODE: "docker",
        QUARTET_DATA_DIR: join(folder, "data"),
        COMPOSE_PROJECT_NAME: `quartet-none-${process.pid}`,
      },
    });
  before(function () {
    // No Docker engine with compose answers here: there is nothing to ask.
    if (!hasDocker) this.skip();
    folder = mkdtempSync(join(tmpdir(), "quartet-docker-"));
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  it("name the parts when none or an unknown one is given", () => {
    const parts = ["envoy", "rabbitmq", ...serviceNames].sort().join(", ");
    const unknown = `There is no part "parcel-svc": SVC= takes one of ${parts}.`;
    for (const [args, said] of [
      [["redeploy"], `Say which part with SVC=: ${parts}.`],
      [["redeploy", "parcel-svc"], unknown],
      [["logs", "parcel-svc"], unknown],
      [["debug", "rabbitmq"], "Only a service runs under Node's inspector: SVC=order-svc, for instance."],
    ] as const) {
      const result = run(...args);
      assert.ok(result.stderr.includes(said), result.stderr);
      assert.equal(result.status, 1);
    }
  });

  it("say that nothing runs and what to do, and fail", () => {
    const status = run("status");
    assert.deepEqual([status.stdout, status.status], ["Quartet is not running in Docker: make up\n", 1]);
    for (const args of [["seed"], ["admin"], ["redeploy", "order-svc"], ["debug", "order-svc"]]) {
      const result = run(...args);
      assert.match(result.stderr, /^Quartet is not running: make up$/m, args[0]);
      assert.equal(result.status, 1);
    }
  });

  it("look at the folders that the images are made of, for changes", () => {
    const script = readFileSync(join(rootDir, "tools/dev/docker-dev.sh"), "utf8");
    for (const name of [...serviceNames, "envoy"]) {
      const copied = readFileSync(join(rootDir, name, "Dockerfile"), "utf8").matchAll(/^COPY (?!--)(.*) \S+$/gm);
      for (const path of [...copied].flatMap(([, sources = ""]) => sources.split(" "))) {
        // package.json of the parts and of the root change with the lockfile; tools change the way, not what runs.
        if (/package\.json$|\.npmrc$|^tools\/(?!gateway)/.test(path)) continue;
        const folders: Record<string, string> = {
          chassis: "chassis/src",
          proto: "proto/shop",
          "tools/gateway": "tools/gateway",
        };
        const watched = path.endsWith("-svc") ? "*-svc/src" : (folders[path] ?? path.split("/")[0]);
        assert.ok(script.includes(` ${watched} `), `${name}/Dockerfile copies ${path}`);
      }
    }
  });
});
