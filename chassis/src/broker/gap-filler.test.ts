import assert from "node:assert/strict";
import { type ChannelModel, connect } from "amqplib";
import { afterEach, beforeEach, describe, it } from "mocha";
import { createLogger, silentLogger } from "../log.ts";
import { createMetrics, type Metrics } from "../metrics.ts";
import type { Database } from "../storage/database.ts";
import { createOutbox, type Outbox } from "../storage/outbox.ts";
import { type BrokerStage, createRabbitMqStage, testTopology } from "../testing/broker-stages.ts";
import { eventually } from "../testing/eventually.ts";
import { startRabbitMqEarly, testRabbitMqUrl } from "../testing/rabbitmq.ts";
import { openTestDatabase } from "../testing/test-database.ts";
import type { Worker } from "../worker.ts";
import type { Broker } from "./broker.ts";
import { createGapFiller, sentAgainAgeMaxMs } from "./gap-filler.ts";
import { createRelay, type Relay } from "./relay.ts";

const made = "things.v1.ThingMade";
const moved = "things.v1.ThingMoved";
const nodeStartMs = 90_000;
// Longer than a connection needs to come back, and a declaration that the broker hangs in.
const fillTimeMaxMs = 20_000;

startRabbitMqEarly();
describe("gap filler", function () {
  this.timeout(nodeStartMs);
  let database: Database;
  let outbox: Outbox;
  let metrics: Metrics;
  let stage: BrokerStage;
  let connection: ChannelModel;
  let time = 0;
  let running: { broker: Broker; relay: Relay; filler: Worker } | undefined;

  beforeEach(async () => {
    database = await openTestDatabase();
    outbox = createOutbox({ database });
    stage = await createRabbitMqStage();
    connection = await connect(await testRabbitMqUrl(), { noDelay: true });
    time = 10 * sentAgainAgeMaxMs;
    await start();
  });
  afterEach(async () => {
    await stop();
    await connection.close();
    await stage.stop();
    await database.close();
  });

  const queues = () => [stage.queue("one"), stage.queue("two")] as const;

  /** A service that publishes: its events of one kind go to both queues, of the other to the first one only. */
  async function start(): Promise<void> {
    const [one, two] = queues();
    const broker = stage.client(testTopology(stage, { publishes: { [made]: [one, two], [moved]: [one] } }));
    metrics = createMetrics({ service: "test" });
    const shared = { broker, outbox, metrics, log: silentLogger(), now: () => time };
    const leader = { isLeader: true, onChange: () => {} };
    const relay = createRelay({ ...shared, leader, database, pollIntervalMs: 50, stallMs: 50 });
    const { fillGaps, onStateChange } = broker;
    const watched = { fillGaps, onStateChange, publishable: true };
    const filler = createGapFiller({ ...shared, broker: watched, intervalMs: 300 });
    running = { broker, relay, filler };
    broker.start();
    relay.start();
    await eventually("publisher connected", () => broker.publishable);
    assert.equal(await completeTime(), "0");
    filler.start();
    await eventually("queues known", async () => (await completeTime()) === String(time / 1_000));
  }

  async function stop(): Promise<void> {
    await running?.filler.stop();
    await running?.relay.stop();
    await running?.broker.stop();
  }

  async function record(count: number, type = made): Promise<void> {
    const ids = Array.from({ length: count }, () => `${type}/${++time}`);
    await database.transact(() =>
      outbox.append(
        ids.map((id) => ({ id, type, aggregate: id, version: 1, payload: Uint8Array.of(1) })),
        time,
        {},
      ),
    );
    await eventually("all sent", () => outbox.unsentCount() === 0, fillTimeMaxMs);
  }
  const depths = async () => {
    const found = await Promise.all(queues().map((queue) => stage.depth(queue).catch(() => -1)));
    return found.join();
  };
  const depthsBecome = (expected: string) =>
    eventually(`${expected} messages`, async () => (await depths()) === expected, fillTimeMaxMs);
  const metric = async (name: string) =>
    new RegExp(`^${name}\\{.*\\} (\\S+)$`, "m").exec((await metrics.expose()).body)?.[1];
  const sentAgain = () => metric("outbox_sent_again_total");
  const completeTime = () => metric("outbox_queues_complete_time_seconds");

  it("sends again what was in one of two queues when it was deleted, and what was confirmed while it was missing", async () => {
    await record(3);
    await record(2, moved);
    await depthsBecome("5,3");
    time += sentAgainAgeMaxMs;
    await record(4);
    await stop();
    await stage.deleteQueue(queues()[1]);
    await start();
    // What was sent longer ago than the consumers may remember is left alone.
    await depthsBecome("13,4");
    assert.equal(await sentAgain(), "4");

    await stage.deleteQueue(queues()[1]);
    await record(2);
    // The first queue gets all of them again; its consumer drops what it has had.
    await eventually("everything", async () => Number((await depths()).split(",")[1]) >= 6, fillTimeMaxMs);
  });

  it("sends nothing again after a lost connection or a restart", async () => {
    await record(3);
    stage.interrupt();
    await record(1);
    await stop();
    await start();
    await record(1);
    await depthsBecome("5,5");
    assert.equal(await sentAgain(), "0");
  });

  it("finds out that the exchange was deleted, even when another has declared it again with some of the bindings", async () => {
    await record(1);
    const channel = await connection.createChannel();
    await channel.deleteExchange(stage.exchange);
    await channel.assertExchange(stage.exchange, "topic", { durable: true });
    await channel.bindQueue(queues()[0], stage.exchange, made);
    // Confirmed, but in the first queue alone.
    await record(1);
    await eventually("both in the second", async () => Number((await depths()).split(",")[1]) >= 2, fillTimeMaxMs);
  });

  it("stops while the broker does not answer", async () => {
    await record(1);
    let sendAgain: (types: readonly string[]) => Promise<void> = () => Promise.reject(new Error("not asked"));
    const fillGaps: Broker["fillGaps"] = (answer) => {
      sendAgain = answer;
      return new Promise(() => {});
    };
    const broker = { publishable: true, onStateChange: () => {}, fillGaps };
    const shared = { outbox, metrics: createMetrics({ service: "test" }), log: silentLogger(), now: () => time };
    const filler = createGapFiller({ ...shared, broker });
    filler.start();
    await filler.stop();
    // What the broker says later finds a database that is about to close, and must not set the mark.
    await assert.rejects(sendAgain([made]), /stopped/);
    assert.equal(outbox.unsentCount(), 0);
  });

  it("stops though there is much to send again, and sets no mark then", async () => {
    const asked = Promise.withResolvers<void>();
    const endless = {
      sendAgain: ({ signal }: Parameters<Outbox["sendAgain"]>[0]) =>
        new Promise<number>((_, reject) => {
          signal?.addEventListener("abort", () => reject(signal.reason));
          asked.resolve();
        }),
    };
    let filling: Promise<void> | undefined;
    const fillGaps: Broker["fillGaps"] = (sendAgain) => {
      filling = sendAgain([made]);
      return filling;
    };
    const broker = { publishable: true, onStateChange: () => {}, fillGaps };
    const shared = { metrics: createMetrics({ service: "test" }), log: silentLogger(), now: () => time };
    const filler = createGapFiller({ ...shared, outbox: endless, broker });
    filler.start();
    await asked.promise;
    await filler.stop();
    assert.ok(filling !== undefined);
    await assert.rejects(filling, /stopped/);
  });

  it("tells once why it cannot look, unless the broker is away", async () => {
    const [lines, failures] = [[] as string[], ["down", "no", "no", "no", "other", undefined, "other"]];
    const log = createLogger({
      service: "test",
      destination: { write: (line) => lines.push(JSON.parse(line).err.message) },
    });
    const broker = {
      publishable: true,
      onStateChange: () => {},
      async fillGaps() {
        const failure = failures.shift();
        broker.publishable = failure !== "down";
        setImmediate(() => {
          broker.publishable = true;
        });
        if (failure !== undefined) throw new Error(failure);
      },
    };
    const shared = { outbox, metrics: createMetrics({ service: "test" }), log, now: () => time };
    const filler = createGapFiller({ ...shared, broker, intervalMs: 5 });
    filler.start();
    await eventually("it has looked", () => failures.length === 0);
    await filler.stop();
    assert.deepEqual(lines, ["no", "other", "other"]);
  });

  it("brings a binding back that somebody removed", async () => {
    const channel = await connection.createChannel();
    await channel.unbindQueue(queues()[1], stage.exchange, made);
    await eventually("an event in the second queue", async () => {
      await record(1);
      return Number((await depths()).split(",")[1]) > 0;
    });
  });
});
