import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ConnectError, createClient } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, it } from "mocha";
import { commonSettings } from "./common-config.ts";
import { readConfig } from "./config.ts";
import { silentLogger } from "./log.ts";
import { errorInfoOf } from "./rpc/error-details.ts";
import type { ServiceRegistration } from "./rpc/implement.ts";
import { openServiceCore } from "./service-core.ts";
import { createServiceHost, type Service } from "./service-host.ts";
import { createMemoryBroker } from "./testing/memory-broker.ts";
import { createTestTokens } from "./testing/test-tokens.ts";
import { implementThings, type ThingClient, thingService } from "./testing/thing-service.ts";
import { wires } from "./testing/wires.ts";

describe("service host", () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "service-host-"));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  async function createService(
    environment: NodeJS.ProcessEnv = {},
    registrations: readonly ServiceRegistration[] = [],
  ): Promise<Service> {
    const settings = commonSettings({ rpcPort: 0, httpPort: 0 });
    const config = readConfig(settings, { DATA_DIR: join(home, "data"), ...environment });
    const migrations = { name: "none", folder: home };
    const core = await openServiceCore({ name: "thing-svc", config, migrations, log: silentLogger() });
    const topology = { exchange: "test.events", publishes: new Map(), outbound: [], inbound: undefined };
    const broker = createMemoryBroker().client(topology);
    return createServiceHost(core, { registrations, handlers: [], broker, keySet: createTestTokens().keySet });
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

  it("does not start beside what an interrupted restore left", async () => {
    mkdirSync(join(home, "data", "restore.part"), { recursive: true });
    await assert.rejects(createService(), /restore\.part is left of a restore that was interrupted: run it again/);
  });

  it("leaves a stop as much time as its settings allow", async () => {
    const service = await createService({ SHUTDOWN_GRACE_MS: "20000" });
    assert.equal(service.stopTimeMaxMs, 25_000);
    await service.start();
    await service.stop();
  });

  for (const wire of wires) {
    it(`ends streams over ${wire.name} when it stops, and does not wait for them`, async () => {
      const watch: Parameters<typeof implementThings>[0]["watch"] = async function* (_request, context) {
        yield { name: "first" };
        await once(context.signal, "abort");
      };
      // The longest grace there is: a stop that waited for it would fail the test.
      const settings = { SHUTDOWN_GRACE_MS: "60000", GRPC_SERVER: wire.implementation };
      const service = await createService(settings, [implementThings({ watch })]);
      const { rpcPort: grpcPort, httpPort } = await service.start();
      const transport = wire.connect({ grpcPort, httpPort });
      const client = createClient(thingService, transport) as unknown as ThingClient;
      const stream = client.watch({ name: "a" })[Symbol.asyncIterator]();
      assert.equal((await stream.next()).value.name, "first");
      const stopped = service.stop();
      await assert.rejects(stream.next(), (error) => {
        assert.equal(errorInfoOf(ConnectError.from(error))?.reason, "SHUTTING_DOWN");
        return true;
      });
      await stopped;
      transport.close();
    });
  }

  it("keeps what it stores from other users of the machine", async () => {
    const service = await createService();
    await service.start();
    await service.stop();
    assert.equal(statSync(join(home, "data")).mode & 0o077, 0);
  });
});
