import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
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
});
