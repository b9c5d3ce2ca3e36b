import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { describe, it } from "mocha";
import { checkPortsFree, freePorts, isPortFree } from "./ports.ts";

describe("ports", () => {
  it("names the port in use, whom it was meant for and the setting that moves it", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    try {
      assert.equal(await isPortFree(port), false);
      await assert.rejects(
        checkPortsFree([{ port, owner: "the gateway", variable: "GATEWAY_PORT" }]),
        new RegExp(`^StackError: Port ${port}, meant for the gateway, is in use .* GATEWAY_PORT=\\.$`),
      );
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
    assert.equal(await isPortFree(port), true);
    await checkPortsFree([{ port, owner: "the gateway", variable: "GATEWAY_PORT" }]);
  });

  it("waits for a port that only an outgoing connection holds", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const accepted = once(server, "connection") as Promise<[Socket]>;
    const outgoing = connect((server.address() as AddressInfo).port, "127.0.0.1");
    const [socket] = await accepted;
    const port = outgoing.localPort as number;
    try {
      assert.equal(await isPortFree(port), false);
      const checked = checkPortsFree([{ port, owner: "the gateway", variable: "GATEWAY_PORT" }]);
      assert.equal(await Promise.race([checked.then(() => "free"), delay(300, "waiting")]), "waiting");
      // Who closes first keeps the port for a while.
      socket.end();
      outgoing.resume().end();
      await checked;
    } finally {
      outgoing.destroy();
      socket.destroy();
      server.close();
    }
  });

  it("finds different free ports below those of outgoing connections", async () => {
    const ports = await freePorts(20);
    assert.equal(new Set(ports).size, 20);
    assert.ok(ports.every((port) => port >= 10_000 && port < 32_768));
  });

  it("keeps to the range it is given, and says when that has too few", async () => {
    const ports = await freePorts(20, "12000-12100");
    assert.ok(ports.every((port) => port >= 12_000 && port < 12_100));
    await assert.rejects(freePorts(20, "12000-12010"), /^StackError: No 20 free ports between 12000 and 12010\.$/);
  });

  it("leaves out the one that fetch does not call", async () => {
    await assert.rejects(fetch("http://127.0.0.1:10080/"), ({ cause }) => /bad port/.test(String(cause)));
    const ports = await freePorts(9, "10075-10085");
    assert.ok(!ports.includes(10_080), ports.join());
    await assert.rejects(freePorts(10, "10075-10085"), /^StackError: No 10 free ports/);
  });
});
