import assert from "node:assert/strict";
import dns from "node:dns";
import { createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "amqplib";
import { after, afterEach, before, beforeEach, describe, it } from "mocha";
import { createLogger, silentLogger } from "../log.ts";
import { createMetrics } from "../metrics.ts";
import { type BrokerStage, createRabbitMqStage, testTopology } from "../testing/broker-stages.ts";
import { eventually } from "../testing/eventually.ts";
import { startTestRabbitMq, type TestRabbitMq } from "../testing/rabbitmq.ts";
import { createAmqpBroker } from "./amqp-broker.ts";
import { type Broker, type BrokerMessage, BrokerUnavailableError } from "./broker.ts";

const made = "things.v1.ThingMade";
const nodeStartMs = 90_000;
const restartMs = 60_000;
// RabbitMQ 3.10 enters a new quorum queue late in the list it starts from: one declared under about a second before
// SIGKILL stays dead after the restart (seen with a bare client too). A queue of real life is older.
const queueSettleMs = 2_000;

describe("AMQP broker on a node of its own", function () {
  this.timeout(nodeStartMs);
  let node: TestRabbitMq;
  let stage: BrokerStage;
  let queue: string;

  before(async () => {
    node = await startTestRabbitMq();
  });
  after(() => node.stop());
  beforeEach(async () => {
    stage = await createRabbitMqStage(node.url);
    queue = stage.queue("one");
  });
  afterEach(() => stage.stop());

  async function publisher(): Promise<Broker> {
    const broker = stage.client(testTopology(stage, { publishes: { [made]: [queue] } }));
    broker.start();
    await eventually("publisher connected", () => broker.publishable);
    return broker;
  }

  function consumer(deliver: (id: string) => Promise<void>): Broker {
    const broker = stage.client(testTopology(stage, { consumes: { queue, types: [made] } }));
    broker.subscribe({
      queue,
      prefetch: 10,
      deliver: ({ id }) => deliver(id),
      onUndecodable: () => Promise.reject(new Error("unexpected")),
    });
    broker.start();
    return broker;
  }

  it("loses nothing it confirmed when the broker is killed, and goes on by itself", async () => {
    const broker = await publisher();
    const received = new Set<string>();
    const consuming = consumer(async (id) => void received.add(id));
    const confirmed = new Set<string>();
    const tryPublish = async (id: string) => {
      if ((await broker.publish(message(id)).catch(() => "unavailable")) === "confirmed") confirmed.add(id);
    };
    for (let index = 0; index < 100; index++) await tryPublish(`before${index}`);
    await delay(queueSettleMs);
    const underWay = Array.from({ length: 100 }, (_, index) => tryPublish(`during${index}`));
    await node.kill();
    await Promise.all(underWay);
    assert.ok(confirmed.size >= 100);
    await eventually("loss noticed", () => !broker.connected && !consuming.connected);
    await assert.rejects(broker.publish(message("away")), BrokerUnavailableError);
    await node.restart();
    await eventually("back again", () => broker.publishable && consuming.connected, restartMs);
    await tryPublish("after");
    assert.ok(confirmed.has("after"));
    await eventually("all of them", () => [...confirmed].every((id) => received.has(id)));
  });

  it("refuses to publish at once while the broker is short of memory, and goes on afterwards", async () => {
    const broker = await publisher();
    const consuming = consumer(async () => {});
    await eventually("consumer connected", () => consuming.connected);
    await node.control("set_vm_memory_high_watermark", "0.00001");
    try {
      // The broker tells a connection only when it publishes, and answers once it is well again.
      const first = broker.publish(message("first")).catch(() => "unavailable");
      await eventually("pause", () => !broker.publishable);
      await assert.rejects(broker.publish(message("second")), BrokerUnavailableError);
      assert.equal(broker.connected, true);
      await node.control("set_vm_memory_high_watermark", "0.4");
      await eventually("end of the pause", () => broker.publishable);
      assert.equal(await first, "confirmed");
      assert.equal(await broker.publish(message("third")), "confirmed");
    } finally {
      await node.control("set_vm_memory_high_watermark", "0.4");
    }
  });

  it("reports a message that the queue has no room for as refused", async () => {
    const broker = await publisher();
    await node.control("set_policy", "full", `^${queue}$`, '{"max-length":1}', "--apply-to", "queues");
    try {
      await eventually("a refusal", async () => (await broker.publish(message("a"))) === "refused");
      assert.equal(broker.connected, true);
    } finally {
      await node.control("clear_policy", "full");
    }
  });

  it("refuses what is too long for the broker without losing its connection", async () => {
    const broker = await publisher();
    assert.equal(await broker.publish(message("a", { payload: new Uint8Array(1024 * 1024 + 1) })), "refused");
    assert.equal(await broker.publish(message("b", { tracestate: "x".repeat(70_000) })), "refused");
    assert.equal(await broker.publish(message("c")), "confirmed");
  });

  it("keeps trying while a queue exists with other arguments (406), and connects once it is gone", async () => {
    const connection = await connect(node.url);
    const channel = await connection.createChannel();
    await channel.assertQueue(queue, { durable: true });
    const broker = stage.client(testTopology(stage, { publishes: { [made]: [queue] } }));
    const changes: boolean[] = [];
    broker.onStateChange(() => changes.push(broker.connected));
    broker.start();
    await eventually("a refused declaration", async () => {
      const { consumerCount } = await channel.checkQueue(queue);
      const exchange = await connection.createChannel();
      exchange.on("error", () => {});
      // The exchange is declared before the queue: its existence shows that the attempt has been made.
      return exchange.checkExchange(stage.exchange).then(
        () => consumerCount === 0,
        () => false,
      );
    });
    assert.equal(broker.connected, false);
    await channel.deleteQueue(queue);
    await connection.close();
    await eventually("connection", () => broker.publishable);
    assert.equal(await broker.publish(message("a")), "confirmed");
    assert.deepEqual(changes, [true]);
  });

  it("connects again when the broker closes its connections", async () => {
    const broker = await publisher();
    const changes: boolean[] = [];
    broker.onStateChange(() => changes.push(broker.connected));
    await node.control("close_all_connections", "test");
    await eventually("loss and return", () => changes.includes(false) && broker.publishable);
    assert.equal(await broker.publish(message("a")), "confirmed");
  });
});

describe("AMQP broker without a broker", () => {
  it("says of each address of its host why there is no connection", async () => {
    const { lookup } = dns;
    const addresses = ["127.0.0.1", "127.0.0.2"];
    const twoAddresses = (_host: string, _options: object, callback: (...answer: unknown[]) => void) =>
      callback(
        null,
        addresses.map((address) => ({ address, family: 4 })),
      );
    const causes: string[] = [];
    const broker = createAmqpBroker({
      url: () => "amqp://two-addresses.example:1",
      topology: { exchange: "test.events", publishes: new Map(), outbound: [], inbound: undefined },
      appId: "test",
      log: createLogger({
        service: "test",
        level: "warn",
        destination: { write: (line) => causes.push(JSON.parse(line).cause) },
      }),
      metrics: createMetrics({ service: "test" }),
    });
    Object.assign(dns, { lookup: twoAddresses });
    try {
      broker.start();
      await eventually("a reason", () => causes.length > 0);
      for (const address of addresses) assert.ok(causes[0]?.includes(`ECONNREFUSED ${address}:1`), causes[0]);
    } finally {
      Object.assign(dns, { lookup });
      await broker.stop();
    }
  });

  it("stops at once while a server accepts the connection and says nothing", async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket.on("error", () => {}));
      socket.resume();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    assert.ok(address !== null && typeof address === "object");
    const broker = createAmqpBroker({
      url: () => `amqp://127.0.0.1:${address.port}`,
      topology: { exchange: "test.events", publishes: new Map(), outbound: [], inbound: undefined },
      appId: "test",
      log: silentLogger(),
      metrics: createMetrics({ service: "test" }),
    });
    broker.start();
    await eventually("connection", () => sockets.length > 0);
    await assert.rejects(
      broker.publish({ id: "a", type: made, aggregate: "things/1", version: 1, payload: new Uint8Array(), time: 0 }),
      BrokerUnavailableError,
    );
    await broker.stop();
    // Ends only when the client has let go of its socket.
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
});

function message(id: string, more: Partial<BrokerMessage> = {}): BrokerMessage {
  return { id, type: made, aggregate: "things/1", version: 1, payload: Uint8Array.of(1), time: 1_000, ...more };
}
