import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { findStrays } from "./strays.ts";

describe("findStrays", () => {
  let dataDir: string;
  let started: ChildProcess[];
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), "quartet-strays-"));
    started = [];
  });
  afterEach(async () => {
    for (const child of started) {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
    rmSync(dataDir, { recursive: true });
  });

  const file = (path: string) => {
    const full = join(dataDir, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, "");
    return full;
  };
  /** Starts a program and returns its pid. */
  const start = async (command: string, args: readonly string[]) => {
    const child = spawn(command, args, { stdio: "ignore" });
    started.push(child);
    await once(child, "spawn");
    return child.pid;
  };
  const idle = ["-e", "setInterval(() => {}, 1000)", "--"];

  it("finds a gateway and a supervisor by what only they have in their command", async () => {
    const envoy = await start(process.execPath, [...idle, "-c", file("envoy/envoy.yaml"), "--use-dynamic-base-id"]);
    const daemon = await start(process.execPath, [...idle, "tools/stack/daemon.ts", file("run/plan.json")]);
    const found = new Map(findStrays(dataDir).map(({ name, pid }) => [name, pid]));
    assert.deepEqual([found.get("envoy"), found.get("supervisor"), found.size], [envoy, daemon, 2]);
  });

  it("leaves alone whoever only reads their files", async () => {
    for (const path of ["envoy/envoy.yaml", "run/plan.json"]) await start("tail", ["-f", file(path)]);
    assert.deepEqual(findStrays(dataDir), []);
  });
});
