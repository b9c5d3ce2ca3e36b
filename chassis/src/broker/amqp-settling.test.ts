import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, beforeEach, describe, it } from "mocha";
import { deadQueueOf } from "../events/topology.ts";
import { silentLogger } from "../log.ts";
import { createMetrics } from "../metrics.ts";
import { eventually } from "../testing/eventually.ts";
import { startTestRabbitMq, type TestRabbitMq } from "../testing/rabbitmq.ts";
import { createAmqpBroker } from "./amqp-broker.ts";
import { areMarked, isMarked, setMark } from "./amqp-mark.ts";
import { type AmqpSession, ask, openSession } from "./amqp-session.ts";
import { settledMarkOf, settleQueues } from "./amqp-settling.ts";
import { assertTopology } from "./amqp-topology.ts";
import type { Broker } from "./broker.ts";

const made = "things.v1.ThingMade";
const exchange = "things.events";
const log = silentLogger();
const nodeStartMs = 90_000;
const recoverTimeMaxMs = 30_000;

describe("a new queue", function () {
  this.timeout(nodeStartMs);
  let node: TestRabbitMq;
  let queue: string;

  before(async () => {
    node = await startTestRabbitMq();
  });
  after(() => node.stop());
  beforeEach(() => {
    queue = `things-${randomUUID()}`;
  });

  const bindings = () => ({ queue, types: [made] });
  const settle = (session: AmqpSession) =>
    settleQueues(session, { exchange, queues: [bindings()], log, settleTimeMs: 0 });

  async function withSession<T>(work: (session: AmqpSession) => Promise<T>): Promise<T> {
    const { signal } = new AbortController();
    const session = await openSession({ url: node.url, connectionName: "test", signal, onBlockedChange: () => {} });
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  }
  const remove = (session: AmqpSession) =>
    session.tryOut((channel) => ask((callback) => channel.deleteQueue(queue, {}, callback)));
  const exists = (session: AmqpSession) =>
    session
      .tryOut((channel) => ask((callback) => channel.checkQueue(queue, callback)))
      .then(
        () => true,
        () => false,
      );

  /** What a kill does to a young queue: the broker has lost its record and starts it anew, without a leader. */
  const forget = () =>
    node.control(
      "eval",
      `{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"${queue}">>)),
       {Name, _} = amqqueue:get_pid(Q),
       ok = ra:force_delete_server(quorum_queues, {Name, node()}),
       rabbit_quorum_queue:recover(<<"/">>, [Q]).`,
    );

  it("is marked as soon as it has settled, and its dead letters' queue with it", async () => {
    await withSession(async (session) => {
      await settle(session);
      assert.ok(await areMarked(session, [settledMarkOf(queue), settledMarkOf(deadQueueOf(queue))]));
    });
  });

  it("is not marked before it has settled", async () => {
    await withSession(async (session) => {
      const settling = settleQueues(session, { exchange, queues: [bindings()], log, settleTimeMs: 60_000 });
      await eventually("declared", () => exists(session));
      assert.equal(await isMarked(session, settledMarkOf(queue)), false);
      session.fail(new Error("over"));
      await assert.rejects(settling);
    });
  });

  it("has no mark when the one before it of this name was marked and deleted", async () => {
    await withSession(async (session) => {
      await settle(session);
      await remove(session);
      await session.tryOut((channel) => assertTopology(channel, exchange, [bindings()]));
      assert.equal(await isMarked(session, settledMarkOf(queue)), false);
    });
  });

  it("is replaced when the broker was killed too early and it answers nobody any more", async () => {
    await withSession(async (session) => {
      await settle(session);
      await session.tryOut((channel) =>
        ask((callback) => channel.deleteExchange(settledMarkOf(queue).name, {}, callback)),
      );
    });
    await forget();
    const received: string[] = [];
    const client = (topology: Parameters<typeof createAmqpBroker>[0]["topology"]): Broker =>
      createAmqpBroker({
        url: () => node.url,
        appId: "things",
        topology,
        log,
        metrics: createMetrics({ service: "things" }),
        queueSettleTimeMs: 0,
      });
    const consuming = client({ exchange, publishes: new Map(), outbound: [], inbound: bindings() });
    const publishing = client({
      exchange,
      publishes: new Map([[made, 1]]),
      outbound: [bindings()],
      inbound: undefined,
    });
    consuming.subscribe({
      queue,
      prefetch: 1,
      deliver: async ({ id }) => void received.push(id),
      onUndecodable: () => Promise.reject(new Error("unexpected")),
    });
    consuming.start();
    publishing.start();
    try {
      await eventually("both connected", () => publishing.publishable && consuming.connected, recoverTimeMaxMs);
      const message = { id: "a", type: made, aggregate: "t", version: 1, payload: new Uint8Array([1]), time: 0 };
      assert.equal(await publishing.publish(message), "confirmed");
      await eventually("delivery", () => received.includes("a"));
    } finally {
      await Promise.all([consuming.stop(), publishing.stop()]);
    }
  });

  it("is not removed by one who finds it silent when another has marked it meanwhile", async () => {
    await withSession((session) => session.tryOut((channel) => assertTopology(channel, exchange, [bindings()])));
    await forget();
    await withSession(async (session) => {
      const probed = Promise.withResolvers<void>();
      const tryOut: AmqpSession["tryOut"] = (work) =>
        session.tryOut((channel) => {
          const get = channel.get.bind(channel);
          return work(
            Object.assign(channel, {
              get: (...call: Parameters<typeof get>) => {
                probed.resolve();
                return get(...call);
              },
            }),
          );
        });
      const settling = settle(Object.create(session, { tryOut: { value: tryOut } }));
      settling.catch(() => {});
      await probed.promise;
      await withSession((other) => setMark(other, settledMarkOf(queue)));
      await assert.rejects(settling, /did not answer/);
      assert.ok(await exists(session));
    });
  });

  it("is never removed once it is marked, whether it answers or not", async () => {
    await withSession(settle);
    await forget();
    await withSession(async (session) => {
      await settle(session);
      assert.ok(await exists(session));
    });
  });
});
