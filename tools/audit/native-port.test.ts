import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { startTicksOf, writeRunState } from "../stack/run-state.ts";
import { readStackConfig, serviceNames } from "../stack/stack-config.ts";
import { nativePort } from "./native-port.ts";

const rootDir = join(import.meta.dirname, "..", "..");

describe("nativePort", () => {
  let dataDir: string;
  /** The page on which a service says that it is ready. */
  let page: Server;
  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), "quartet-port-"));
    page = createServer((_, response) => response.end());
    await new Promise<void>((resolve) => page.listen(0, "127.0.0.1", resolve));
  });
  afterEach(async () => {
    await new Promise((resolve) => page.close(resolve));
    rmSync(dataDir, { recursive: true });
  });

  const usual = () => readStackConfig({ QUARTET_DATA_DIR: dataDir }, rootDir);
  /** As `make up` leaves it, with settings of its own and one service that is ready. This process is its supervisor. */
  const recordRun = (startTicks = startTicksOf(process.pid)) => {
    const { port } = page.address() as AddressInfo;
    const env = { QUARTET_DATA_DIR: dataDir, AMQP_URL: "amqp://127.0.0.1:1", ORDER_HTTP_PORT: String(port) };
    writeRunState(dataDir, {
      supervisor: { name: "supervisor", pid: process.pid, startTicks },
      config: readStackConfig(env, rootDir),
      processes: [{ name: "order-svc", state: "running", pid: process.pid, startTicks, restarts: 0, startTime: 0 }],
    });
  };

  it("asks the stack where it runs, whatever the settings are now", async () => {
    recordRun();
    const port = nativePort(usual());
    const others = serviceNames.filter((name) => name !== "order-svc");
    assert.deepEqual(await port.down?.(), others);
    await assert.rejects(async () => await port.queues?.(), /ECONNREFUSED.*:1$/);
  });

  it("takes every part for down when nothing runs", async () => {
    const all = [...serviceNames, "rabbitmq"];
    assert.deepEqual(await nativePort(usual()).down?.(), all);
    recordRun("1");
    assert.deepEqual(await nativePort(usual()).down?.(), all);
    await assert.rejects(async () => await nativePort(usual()).queues?.(), /the broker is down/);
  });
});
