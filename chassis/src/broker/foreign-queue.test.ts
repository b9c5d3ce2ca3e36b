import assert from "node:assert/strict";
import { type Channel, type ChannelModel, connect } from "amqplib";
import { after, afterEach, before, beforeEach, describe, it } from "mocha";
import { type BrokerStage, createRabbitMqStage, testTopology } from "../testing/broker-stages.ts";
import { eventually } from "../testing/eventually.ts";
import { testRabbitMqUrl } from "../testing/rabbitmq.ts";
import type { Broker, PublishResult } from "./broker.ts";

const made = "things.v1.ThingMade";
const watched = "things.v1.ThingWatched";
const nodeStartMs = 90_000;

describe("a queue that the contract does not know, bound to the exchange of events", function () {
  this.timeout(nodeStartMs);
  let connection: ChannelModel;
  let channel: Channel;
  let stage: BrokerStage;
  let broker: Broker;
  let foreign: string;

  before(async () => {
    connection = await connect(await testRabbitMqUrl(), { noDelay: true });
  });
  after(() => connection.close());
  beforeEach(async () => {
    stage = await createRabbitMqStage();
    foreign = stage.queue("foreign");
    // One event with a declared consumer, one without.
    broker = stage.client(testTopology(stage, { publishes: { [made]: [stage.queue("one")], [watched]: [] } }));
    broker.start();
    await eventually("publisher connected", () => broker.publishable);
    channel = await connection.createChannel();
  });
  afterEach(async () => {
    await channel.deleteQueue(foreign);
    await channel.close();
    await stage.stop();
  });

  const bind = async (more: Record<string, unknown> = {}) => {
    await channel.assertQueue(foreign, { durable: true, arguments: { "x-queue-type": "quorum", ...more } });
    for (const type of [made, watched]) await channel.bindQueue(foreign, stage.exchange, type);
  };
  const publish = (id: string, type = made): Promise<PublishResult> =>
    broker.publish({ id, type, aggregate: `things/${id}`, version: 1, payload: Uint8Array.of(1), time: 1_000 });
  const depths = async () => [await stage.depth(stage.queue("one")), await stage.depth(foreign)];

  it("gets a copy of every event from its binding on, and takes none away from the consumers", async () => {
    await publish("before");
    await bind();
    for (const id of ["a", "b"]) assert.equal(await publish(id), "confirmed");
    assert.equal(await publish("c", watched), "confirmed");
    await eventually("copies", async () => String(await depths()) === "3,3");
  });

  // RabbitMQ 3.10 closes the connection (541) that publishes into a quorum queue which is just being deleted.
  it("may be deleted at any time: what is published meanwhile is safe, if need be over a new connection", async () => {
    await bind();
    const published: Promise<unknown>[] = [];
    const publishUntilConfirmed = (id: string) =>
      eventually(`confirmation of ${id}`, async () => {
        return (await publish(id).catch(() => "unavailable")) === "confirmed";
      });
    const start = (name: string) => {
      for (let index = 0; index < 100; index++) published.push(publishUntilConfirmed(`${name}${index}`));
    };
    start("before");
    const deleted = channel.deleteQueue(foreign);
    start("during");
    await deleted;
    start("after");
    await Promise.all(published);
    const received = new Set<string>();
    const consumer = stage.client(testTopology(stage, { consumes: { queue: stage.queue("one"), types: [made] } }));
    consumer.subscribe({
      queue: stage.queue("one"),
      prefetch: 100,
      deliver: async ({ id }) => void received.add(id),
      onUndecodable: () => Promise.reject(new Error("unexpected")),
    });
    consumer.start();
    await eventually("all of them", () => received.size === published.length);
  });

  it("may be full as long as it drops, and holds publishing up when it rejects, until there is room", async () => {
    await bind({ "x-max-length": 1, "x-overflow": "drop-head" });
    for (const id of ["a", "b", "c"]) assert.equal(await publish(id), "confirmed");
    await channel.deleteQueue(foreign);
    await bind({ "x-max-length": 1, "x-overflow": "reject-publish" });
    await eventually("a refusal", async () => (await publish("d")) === "refused");
    await eventually("room", async () => {
      await channel.purgeQueue(foreign);
      return (await publish("e")) === "confirmed";
    });
  });
});
