import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "mocha";
import type { IncomingMessage } from "../storage/messages.ts";
import { type BrokerStage, createMemoryStage, createRabbitMqStage, testTopology } from "../testing/broker-stages.ts";
import { eventually } from "../testing/eventually.ts";
import { startRabbitMqEarly } from "../testing/rabbitmq.ts";
import { setupTimeoutMs } from "./amqp-link.ts";
import { type Broker, type BrokerMessage, BrokerUnavailableError, type UndecodableMessage } from "./broker.ts";

const made = "things.v1.ThingMade";
const moved = "things.v1.ThingMoved";
const watched = "things.v1.ThingWatched";
// A private node takes seconds to start on a busy machine, and a lost connection up to 1.5 s to come back.
const timeoutMs = 90_000;

startRabbitMqEarly();
for (const [name, createStage] of [
  ["memory broker", createMemoryStage],
  ["RabbitMQ", createRabbitMqStage],
] as const) {
  describe(`broker contract: ${name}`, function () {
    this.timeout(timeoutMs);
    let stage: BrokerStage;

    beforeEach(async () => {
      stage = await createStage();
    });
    afterEach(() => stage.stop());

    async function publisher(publishes?: Record<string, string[]>): Promise<Broker> {
      const broker = stage.client(
        testTopology(stage, {
          publishes: publishes ?? { [made]: [stage.queue("one")], [moved]: [stage.queue("one")], [watched]: [] },
        }),
      );
      broker.start();
      await eventually("publisher connected", () => broker.publishable);
      return broker;
    }

    function consumer(queue: string, deliver?: (message: IncomingMessage) => Promise<void>, prefetch = 10) {
      const broker = stage.client(testTopology(stage, { consumes: { queue, types: [made, moved] } }));
      const received: IncomingMessage[] = [];
      const undecodable: UndecodableMessage[] = [];
      const subscription = broker.subscribe({
        queue,
        prefetch,
        deliver: async (message) => {
          received.push(message);
          await deliver?.(message);
        },
        onUndecodable: async (message) => void undecodable.push(message),
      });
      broker.start();
      return { broker, received, undecodable, subscription };
    }

    it("carries every field of an event to its consumer", async () => {
      const broker = await publisher();
      const sent = message("a", {
        payload: Uint8Array.of(0, 255, 7),
        version: 3_000_000_000,
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        tracestate: "one=1",
      });
      assert.equal(await broker.publish(sent), "confirmed");
      const { received } = consumer(stage.queue("one"));
      await eventually("delivery", () => received.length > 0);
      const [arrived] = received;
      assert.deepEqual(
        { ...arrived, payload: Uint8Array.from(arrived?.payload ?? []) },
        { ...sent, redelivered: false },
      );
    });

    it("keeps an event for a consumer that has never been started", async () => {
      const broker = await publisher({ [made]: [stage.queue("one"), stage.queue("two")] });
      assert.equal(await broker.publish(message("a")), "confirmed");
      const one = consumer(stage.queue("one"));
      const two = consumer(stage.queue("two"));
      await eventually("both deliveries", () => one.received.length === 1 && two.received.length === 1);
    });

    it("confirms an event without consumers and refuses one that is not the service's", async () => {
      const broker = await publisher();
      assert.equal(await broker.publish(message("a", { type: watched })), "confirmed");
      assert.equal(await broker.publish(message("b", { type: "things.v1.Unheard" })), "refused");
      assert.equal(await broker.publish(message("c")), "confirmed");
    });

    it("returns an event whose queue is gone and declares the queue again", async () => {
      const broker = await publisher();
      await stage.deleteQueue(stage.queue("one"));
      const results: string[] = [];
      await eventually("a confirmation", async () => {
        const result = await broker.publish(message("a")).catch(() => "unavailable");
        results.push(result);
        return result === "confirmed";
      });
      assert.equal(await stage.depth(stage.queue("one")), 1, results.join());
    });

    it("delivers again what was not taken over, marked as redelivered", async () => {
      const broker = await publisher();
      let failures = 1;
      const { received } = consumer(stage.queue("one"), async () => {
        if (failures-- > 0) throw new Error("not now");
      });
      await broker.publish(message("a"));
      await eventually("second delivery", () => received.length === 2);
      assert.deepEqual(
        received.map(({ id, redelivered }) => [id, redelivered]),
        [
          ["a", false],
          ["a", true],
        ],
      );
    });

    it("delivers again what was under way when the connection broke, and ignores the late acknowledgement", async () => {
      const broker = await publisher();
      const first = Promise.withResolvers<void>();
      const waits = [first.promise];
      const { received } = consumer(stage.queue("one"), async () => waits.shift());
      await broker.publish(message("a"));
      await eventually("first delivery", () => received.length === 1);
      stage.interrupt();
      await eventually("second delivery", () => received.length === 2);
      first.resolve();
      await eventually("publisher back", () => broker.publishable);
      await broker.publish(message("b"));
      await eventually("the next message", () => received.length === 3);
      assert.deepEqual(
        received.map(({ id, redelivered }) => [id, redelivered]),
        [
          ["a", false],
          ["a", true],
          ["b", false],
        ],
      );
    });

    it("rejects a publish whose confirmation is lost with the connection", async () => {
      const broker = await publisher();
      stage.holdAnswers();
      const publish = broker.publish(message("a"));
      const outcome = assert.rejects(publish, BrokerUnavailableError);
      stage.interrupt();
      await outcome;
    });

    it("rejects at once while the broker is away and goes on when it is back", async () => {
      const broker = await publisher();
      const { broker: consuming, received } = consumer(stage.queue("one"));
      await eventually("consumer connected", () => consuming.connected);
      const states: boolean[] = [];
      broker.onStateChange(() => states.push(broker.connected));
      await stage.setUp(false);
      await eventually("loss noticed", () => !broker.connected && !consuming.connected);
      await assert.rejects(broker.publish(message("a")), BrokerUnavailableError);
      await stage.setUp(true);
      await eventually("return noticed", () => broker.publishable && consuming.connected);
      assert.equal(await broker.publish(message("b")), "confirmed");
      await eventually("delivery", () => received.length === 1);
      assert.equal(received[0]?.id, "b");
      assert.deepEqual(states, [false, true]);
    });

    it("connects to a broker that comes up later", async () => {
      await stage.setUp(false);
      const broker = stage.client(testTopology(stage, { publishes: { [made]: [stage.queue("one")] } }));
      broker.start();
      await assert.rejects(broker.publish(message("a")), BrokerUnavailableError);
      await stage.setUp(true);
      await eventually("connection", () => broker.publishable);
      assert.equal(await broker.publish(message("a")), "confirmed");
    });

    it("consumes again after its queue was deleted", async () => {
      const broker = await publisher();
      const { broker: consuming, received } = consumer(stage.queue("one"));
      await eventually("consumer connected", () => consuming.connected);
      await stage.deleteQueue(stage.queue("one"));
      const look = async () => {
        if (received.length > 0) return true;
        await broker.publish(message("a")).catch(() => {});
        return false;
      };
      // A declaration that meets the deletion can hang in the broker: the next one comes after the setup's own bound.
      await eventually("delivery", look, 3 * setupTimeoutMs);
    });

    it("tells which events a new queue may lack until they were sent again, also after a restart of the publisher", async () => {
      const [one, two] = [stage.queue("one"), stage.queue("two")];
      const topology = testTopology(stage, { publishes: { [made]: [one, two], [moved]: [one], [watched]: [] } });
      const start = async () => {
        const broker = stage.client(topology);
        broker.start();
        await eventually("publisher connected", () => broker.publishable);
        return broker;
      };
      const gapsOf = async (broker: Broker) => {
        const gaps = new Set<string>();
        await broker.fillGaps(async (types) => void types.map((type) => gaps.add(type)));
        return [...gaps].sort();
      };
      const first = await start();
      const failed = new Error("not sent");
      await assert.rejects(
        first.fillGaps(() => Promise.reject(failed)),
        failed,
      );
      assert.deepEqual(await gapsOf(first), [made, moved]);
      assert.deepEqual(await gapsOf(first), []);
      await first.stop();
      const second = await start();
      assert.deepEqual(await gapsOf(second), []);

      // One of two queues: the broker confirms the event all the same. Its consumer declares it again before anyone else.
      const { broker: consuming } = consumer(two);
      await eventually("consumer connected", () => consuming.connected);
      await stage.deleteQueue(two);
      const look = async () => (await gapsOf(second).catch(() => [])).join();
      await eventually("its gap", async () => (await look()) === made, 3 * setupTimeoutMs);
      assert.deepEqual(await gapsOf(second), []);
    });

    it("hands over what is no event and removes it from the queue", async () => {
      const { broker, undecodable } = consumer(stage.queue("one"));
      await eventually("consumer connected", () => broker.connected);
      await stage.sendGarbage(stage.queue("one"), Uint8Array.of(1, 2, 3));
      await eventually("delivery", () => undecodable.length > 0);
      assert.deepEqual(Uint8Array.from(undecodable[0]?.payload ?? []), Uint8Array.of(1, 2, 3));
      assert.equal(undecodable[0]?.cause, "no message id");
      await broker.stop();
      assert.equal(await stage.depth(stage.queue("one")), 0);
    });

    it("has no more messages under way than asked for", async () => {
      const broker = await publisher();
      const gate = Promise.withResolvers<void>();
      const { received } = consumer(stage.queue("one"), () => gate.promise, 2);
      for (const id of ["a", "b", "c", "d"]) await broker.publish(message(id));
      await eventually("two deliveries", () => received.length === 2);
      await broker.publish(message("e"));
      assert.equal(received.length, 2);
      gate.resolve();
      await eventually("the rest", () => received.length === 5);
    });

    it("finishes what is under way when a subscription stops and leaves the rest in the queue", async () => {
      const broker = await publisher();
      const gate = Promise.withResolvers<void>();
      const { broker: consuming, received, subscription } = consumer(stage.queue("one"), () => gate.promise, 1);
      for (const id of ["a", "b"]) await broker.publish(message(id));
      await eventually("first delivery", () => received.length === 1);
      let stopped = false;
      const stop = subscription.stop().then(() => {
        stopped = true;
      });
      await broker.publish(message("c"));
      assert.equal(stopped, false);
      gate.resolve();
      await stop;
      await consuming.stop();
      assert.deepEqual(
        received.map(({ id }) => id),
        ["a"],
      );
      await eventually("two left", async () => (await stage.depth(stage.queue("one"))) === 2);
    });
  });
}

function message(id: string, more: Partial<BrokerMessage> = {}): BrokerMessage {
  return {
    id,
    type: made,
    aggregate: "things/1",
    version: 1,
    payload: Uint8Array.of(1),
    time: Date.UTC(2026, 0, 1, 0, 0, 0, 123),
    ...more,
  };
}
