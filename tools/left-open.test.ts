import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "mocha";
import { whatIsOpen } from "./left-open.ts";
import { waitUntil } from "./stack/ready.ts";

describe("what tests leave open", () => {
  it("is named: servers and processes with what tells them apart", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const child = spawn(process.execPath, ["--eval", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
    const port = (server.address() as { port: number }).port;
    try {
      const text = whatIsOpen();
      assert.match(text, new RegExp(`1 × server at .*"port":${port}`));
      assert.match(text, new RegExp(`1 × process ${child.pid} .*setInterval`));
    } finally {
      server.close();
      child.kill("SIGKILL");
      await once(child, "close");
    }
    // The handles themselves are closed a turn or two later.
    assert.ok(await waitUntil(() => !new RegExp(`${port}|setInterval`).test(whatIsOpen()), 2_000, 10), whatIsOpen());
  });

  it("ends with the tests, when these are told to end", async () => {
    // So many that the signal arrives a second time, from mocha's other process, before the last of them.
    const count = 50;
    const folder = mkdtempSync(join(tmpdir(), "quartet-"));
    const file = join(folder, "endless.test.mjs");
    writeFileSync(
      file,
      `import { spawn } from "node:child_process";
       it("never ends", (done) => {
         const start = () => spawn("sleep", ["600"], { detached: true, stdio: "ignore" }).pid;
         console.log("started " + Array.from({ length: ${count} }, start));
       }).timeout(60_000);`,
    );
    const tests = spawn(process.execPath, [join(import.meta.dirname, "test.ts"), file]);
    try {
      const started = /started ([\d,]+)/;
      let output = "";
      tests.stdout.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
      assert.ok(await waitUntil(() => started.test(output), 20_000, 50), output);
      const pids = started.exec(output)?.[1]?.split(",").map(Number) ?? [];
      assert.equal(pids.length, count);
      tests.kill("SIGINT");
      assert.ok(await waitUntil(() => !pids.some(isRunning), 10_000, 50), `${pids.filter(isRunning)} go on`);
    } finally {
      tests.kill("SIGKILL");
      rmSync(folder, { recursive: true });
    }
  });
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
