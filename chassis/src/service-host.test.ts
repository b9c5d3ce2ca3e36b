import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, it } from "mocha";
import { commonSettings } from "./common-config.ts";
import { readConfig } from "./config.ts";
import { silentLogger } from "./log.ts";
import { openServiceCore } from "./service-core.ts";
import { createServiceHost, type Service } from "./service-host.ts";
import { createMemoryBroker } from "./testing/memory-broker.ts";
import { createTestTokens } from "./testing/test-tokens.ts";

describe("service host", () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "service-host-"));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  async function createService(environment: NodeJS.ProcessEnv = {}): Promise<Service> {
    const settings = commonSettings({ rpcPort: 0, httpPort: 0 });
    const config = readConfig(settings, { DATA_DIR: join(home, "data"), ...environment });
    const migrations = { name: "none", folder: home };
    const core = await openServiceCore({ name: "thing-svc", config, migrations, log: silentLogger() });
    const topology = { exchange: "test.events", publishes: new Map(), outbound: [], inbound: undefined };
    const broker = createMemoryBroker().client(topology);
    return createServiceHost(core, { registrations: [], handlers: [], broker, keySet: createTestTokens().keySet });
  }

  it("says that it stops before it stops serving", async () => {
    const drainDelayMs = 300;
    const service = await createService({ DRAIN_DELAY_MS: String(drainDelayMs) });
    const { httpPort } = await service.start();
    const get = async (path: string) => (await fetch(`http://127.0.0.1:${httpPort}${path}`)).status;
    assert.equal(await get("/readyz"), 200);
    const stopped = service.stop();
    assert.deepEqual([await get("/readyz"), await get("/healthz")], [503, 200]);
    assert.equal(await Promise.race([stopped.then(() => "stopped"), delay(0, "draining")]), "draining");
    await stopped;
    await assert.rejects(get("/healthz"));
  });

  it("leaves a stop as much time as its settings allow", async () => {
    const service = await createService({ SHUTDOWN_GRACE_MS: "20000" });
    assert.equal(service.stopTimeMaxMs, 25_000);
    await service.start();
    await service.stop();
  });

  it("keeps what it stores from other users of the machine", async () => {
    const service = await createService();
    await service.start();
    await service.stop();
    assert.equal(statSync(join(home, "data")).mode & 0o077, 0);
  });
});
