import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { PaymentVoidedSchema } from "@quartet/proto/shop/payment/v1/payment_events_pb";
import { afterEach, beforeEach, describe, it } from "mocha";
import type { Broker } from "./broker/broker.ts";
import type { MessageHandler } from "./broker/on-event.ts";
import { commonSettings } from "./common-config.ts";
import { readConfig } from "./config.ts";
import { loadContract } from "./contract.ts";
import { consumedTypes, eventCatalog, queueOf } from "./events/catalog.ts";
import { topologyOf } from "./events/topology.ts";
import { silentLogger } from "./log.ts";
import { openServiceCore } from "./service-core.ts";
import { createServiceHost } from "./service-host.ts";
import { eventually } from "./testing/eventually.ts";
import { createMemoryBroker } from "./testing/memory-broker.ts";
import { createTestTokens } from "./testing/test-tokens.ts";
import { implementThings, type ThingClient, thingService } from "./testing/thing-service.ts";
import { type Wire, wires } from "./testing/wires.ts";

const name = "payment-svc";

describe("service host that stops at work", () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "service-host-"));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  it("ends calls, then messages, then events, then the database, and cuts none of them off", async () => {
    const happened: string[] = [];
    const [call, message] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const settings = commonSettings({ rpcPort: 0, httpPort: 0 });
    const config = readConfig(settings, { DATA_DIR: join(home, "data") });
    const core = await openServiceCore({
      name,
      config,
      migrations: { name: "none", folder: home },
      log: silentLogger(),
    });

    const catalog = eventCatalog(loadContract().registry.files);
    const [type = ""] = consumedTypes(catalog, name);
    const memory = createMemoryBroker();
    const client = memory.client(topologyOf(catalog, { service: name, exchange: "test.events" }));
    const broker: Broker = Object.assign(Object.create(client), {
      subscribe(options: Parameters<Broker["subscribe"]>[0]) {
        const subscription = client.subscribe(options);
        if (options.queue !== queueOf(name)) return subscription;
        return {
          stop() {
            happened.push("no more messages are taken");
            return subscription.stop();
          },
        };
      },
      async publish(event: Parameters<Broker["publish"]>[0]) {
        const result = await client.publish(event);
        happened.push("the event is out");
        return result;
      },
      stop() {
        happened.push("the broker is left");
        return client.stop();
      },
    });
    const database = {
      ...core.database,
      close() {
        happened.push("the database is closed");
        return core.database.close();
      },
    };
    const handler: MessageHandler = async (incoming) => {
      happened.push(`message ${incoming.id} has begun`);
      if (incoming.id === "long") await message.promise;
      const event = {
        id: incoming.id,
        type: PaymentVoidedSchema.typeName,
        aggregate: `payments/${incoming.id}`,
        version: 1,
      };
      const events = incoming.id === "long" ? [{ ...event, payload: new Uint8Array() }] : [];
      const result = await core.unitOfWork.commitMessage(incoming, () => ({ value: undefined, events }));
      happened.push(`message ${incoming.id} is handled`);
      return result;
    };
    const handlers = consumedTypes(catalog, name).map((consumed) => [consumed, handler] as const);
    const read = async () => {
      happened.push("the call has begun");
      await call.promise;
      return { name: "answer" };
    };
    const service = createServiceHost(
      { ...core, database },
      { registrations: [implementThings({ read })], handlers, broker, keySet: createTestTokens().keySet },
    );
    const { rpcPort: grpcPort, httpPort } = await service.start();
    const transport = (wires[0] as Wire).connect({ grpcPort, httpPort });
    const things = createClient(thingService, transport) as unknown as ThingClient;
    const has = (what: string) => eventually(what, () => happened.includes(what));
    const send = (id: string) =>
      memory.send(queueOf(name), {
        id,
        type,
        aggregate: `orders/${id}`,
        version: 1,
        payload: new Uint8Array(),
        time: 0,
      });
    await eventually("a connection", () => client.connected);

    const answer = things.read({ name: "a" });
    await has("the call has begun");
    const stopped = service.stop();
    send("short");
    await has("message short is handled");
    send("long");
    await has("message long has begun");
    call.resolve();
    assert.equal((await answer).name, "answer");
    await has("no more messages are taken");
    send("late");
    message.resolve();
    await stopped;
    transport.close();

    assert.deepEqual(happened, [
      "the call has begun",
      "message short has begun",
      "message short is handled",
      "message long has begun",
      "no more messages are taken",
      "message long is handled",
      "the event is out",
      "the broker is left",
      "the database is closed",
    ]);
    assert.equal(memory.depth(queueOf(name)), 1);
  });
});
