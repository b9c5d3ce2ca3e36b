import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { waitUntil } from "./ready.ts";
import { type SupervisedProcess, superviseProcess } from "./supervised-process.ts";

const boundMs = 10_000;

describe("a supervised process", function () {
  this.timeout(30_000);
  let folder: string;
  let running: SupervisedProcess;
  const logs = () => join(folder, "logs");

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "quartet-supervised-"));
    const script = "console.log('here'); setInterval(() => {}, 1000)";
    running = superviseProcess({
      spec: {
        ...{ name: "part", command: process.execPath, args: ["--eval", script], cwd: folder, env: process.env },
        ...{ logFile: join(logs(), "part.log"), stopTimeoutMs: 5_000 },
      },
    });
  });
  afterEach(async () => {
    await running.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("is started again when there is room for its log, after there was none", async () => {
    running.start();
    const { pid } = running.status();
    assert.ok(await waitUntil(() => readFileSync(join(logs(), "part.log"), "utf8") === "here\n", boundMs));
    // As good as a full disk: its log cannot be opened.
    renameSync(logs(), `${logs()}.old`);
    writeFileSync(logs(), "");
    running.kill("SIGKILL");
    assert.ok(await waitUntil(() => running.status().restarts >= 3, boundMs), "it is tried");
    rmSync(logs());
    assert.ok(await waitUntil(() => running.status().pid !== undefined, boundMs), "it runs");
    assert.notEqual(running.status().pid, pid);
  });
});
