import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { rotateLog } from "./log-rotation.ts";
import { isAlive, readRunState, removeRunState, runStateFile, startTicksOf, writeRunState } from "./run-state.ts";
import { readStackConfig } from "./stack-config.ts";

describe("run state", () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), "quartet-state-"));
  });
  afterEach(() => rmSync(dataDir, { recursive: true }));

  const state = () => ({
    supervisor: { name: "supervisor", pid: process.pid, startTicks: startTicksOf(process.pid) },
    config: readStackConfig({}, "/shop"),
    processes: [],
  });

  it("comes back as it was written, until it is removed", () => {
    assert.equal(readRunState(dataDir), undefined);
    writeRunState(dataDir, state());
    assert.deepEqual(readRunState(dataDir), JSON.parse(JSON.stringify(state())));
    removeRunState(dataDir);
    assert.equal(readRunState(dataDir), undefined);
  });

  it("counts as none when the file is torn", () => {
    writeRunState(dataDir, state());
    writeFileSync(runStateFile(dataDir), '{"supervisor":');
    assert.equal(readRunState(dataDir), undefined);
  });

  it("tells the recorded process from a later one with the same number", () => {
    const { supervisor } = state();
    assert.equal(isAlive(supervisor), true);
    assert.equal(isAlive({ ...supervisor, startTicks: "1" }), false);
    assert.equal(isAlive({ pid: undefined, startTicks: undefined }), false);
  });

  it("empties a log that has grown too long and keeps its last part", () => {
    const file = join(dataDir, "x.log");
    writeFileSync(file, "0123456789");
    assert.equal(rotateLog(file, 10), false);
    assert.equal(rotateLog(file, 9), true);
    assert.equal(rotateLog(file, 9), false);
    assert.equal(rotateLog(join(dataDir, "missing.log"), 9), false);
  });
});
