import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";

describe("choice between Docker and native", function () {
  this.timeout(20_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "quartet-mode-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Puts a Docker client on PATH whose engine answers or not, with or without its plugin compose. */
  function docker(engineAnswers: boolean, { hasCompose = true } = {}): void {
    const file = join(folder, "docker");
    const cases = `info) exit ${engineAnswers ? 0 : 1} ;; compose) exit ${hasCompose ? 0 : 1} ;;`;
    writeFileSync(file, `#!/bin/sh\ncase "$1" in ${cases} esac\n`);
    chmodSync(file, 0o755);
  }

  const status = (env: Record<string, string> = {}) => run("status", env);

  function run(command: string, env: Record<string, string> = {}) {
    const script = join(import.meta.dirname, "stack.sh");
    const path = [folder, dirname(process.execPath), "/usr/bin", "/bin"].join(":");
    const result = spawnSync("sh", [script, command], {
      encoding: "utf8",
      env: { PATH: path, HOME: folder, QUARTET_DATA_DIR: join(folder, "data"), ...env },
    });
    return { code: result.status, said: result.stderr, printed: result.stdout };
  }

  it("takes Docker when an engine answers", () => {
    docker(true);
    assert.match(status().said, /^Mode: docker \(a Docker engine answers\)$/m);
  });

  it("takes native processes on Linux when the client's engine does not answer, and says so", function () {
    if (process.platform !== "linux") this.skip();
    docker(false);
    const { said, printed, code } = status();
    assert.match(said, /^Mode: native \(there is a Docker client, but its engine does not answer\)$/m);
    assert.match(printed, /not running natively/);
    assert.equal(code, 1);
  });

  it("takes native processes on Linux when Docker has no compose plugin, and says so", function () {
    if (process.platform !== "linux") this.skip();
    docker(true, { hasCompose: false });
    assert.match(status().said, /^Mode: native \(there is a Docker engine, but no compose plugin\)$/m);
    assert.match(status({ MODE: "docker" }).said, /^Docker has no compose plugin here: install .*\.$/m);
  });

  it("stays with the mode of the last start", () => {
    docker(true);
    mkdirSync(join(folder, "data", "run"), { recursive: true });
    writeFileSync(join(folder, "data", "run", "mode"), "native\n");
    assert.match(status().said, /^Mode: native \(as it was started\)$/m);
  });

  it("does as MODE says, or says in one sentence why it cannot", () => {
    docker(false);
    assert.match(status({ MODE: "native" }).said, /^Mode: native \(MODE=native\)$/m);
    const refused = status({ MODE: "docker" });
    assert.match(refused.said, /^The Docker client is installed but its engine does not answer: .*\.\n$/);
    assert.equal(refused.code, 1);
    assert.match(status({ MODE: "podman" }).said, /^MODE must be docker or native, not "podman"\.\n$/);
  });

  it("says in one sentence that it cannot write its data", () => {
    writeFileSync(join(folder, "file"), "");
    for (const command of ["up", "dev"]) {
      const { said, code } = run(command, { MODE: "native", QUARTET_DATA_DIR: join(folder, "file", "data") });
      assert.match(said, /^The folder \S+\/file\/data cannot be written: .* QUARTET_DATA_DIR=\.$/m);
      assert.equal(said.trim().split("\n").length, 2);
      assert.equal(code, 1);
    }
  });

  it("says that nothing runs to whoever would add products to it", () => {
    const { said, code } = run("seed", { MODE: "native" });
    assert.match(said, /^Quartet is not running: make up$/m);
    assert.equal(code, 1);
  });
});
