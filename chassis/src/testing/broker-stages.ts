import { randomUUID } from "node:crypto";
import { type ChannelModel, connect } from "amqplib";
import { createAmqpBroker } from "../broker/amqp-broker.ts";
import type { Broker } from "../broker/broker.ts";
import type { QueueBindings, Topology } from "../events/topology.ts";
import { deadExchangeOf, deadQueueOf } from "../events/topology.ts";
import { silentLogger } from "../log.ts";
import { createMetrics } from "../metrics.ts";
import { createMemoryBroker } from "./memory-broker.ts";
import { testRabbitMqUrl } from "./rabbitmq.ts";
import { startTcpProxy } from "./tcp-proxy.ts";

/** A broker of a test's own and what can happen to it. */
export interface BrokerStage {
  /** Exchange of the test. */
  readonly exchange: string;
  /** Full name of a queue of the test. */
  queue(name: string): string;
  /** A service's view of the broker, not started. */
  client(topology: Topology): Broker;
  /** Takes the broker away or brings it back. */
  setUp(up: boolean): Promise<void>;
  /** Breaks every connection. */
  interrupt(): void;
  /** Holds back what the broker answers, confirmations among it. */
  holdAnswers(): void;
  deleteQueue(queue: string): Promise<void>;
  /** Messages in a queue that are not under way. */
  depth(queue: string): Promise<number>;
  /** Puts something into a queue that is no event. */
  sendGarbage(queue: string, payload: Uint8Array): Promise<void>;
  /** Stops all clients and removes exchange and queues. */
  stop(): Promise<void>;
}

/** What a publisher and a consumer declare, in short. */
export function testTopology(
  stage: BrokerStage,
  options: { publishes?: Record<string, string[]>; consumes?: { queue: string; types: string[] } },
): Topology {
  const publishes = Object.entries(options.publishes ?? {});
  const queues = [...new Set(publishes.flatMap(([, consumers]) => consumers))];
  return {
    exchange: stage.exchange,
    publishes: new Map(publishes.map(([type, consumers]) => [type, consumers.length])),
    outbound: queues.map((queue) => ({
      queue,
      types: publishes.filter(([, consumers]) => consumers.includes(queue)).map(([type]) => type),
    })),
    inbound: options.consumes,
  };
}

/** The memory broker as a stage. */
export async function createMemoryStage(): Promise<BrokerStage> {
  const broker = createMemoryBroker();
  const clients: Broker[] = [];
  return {
    exchange: "test.events",
    queue: (name) => name,
    client(topology) {
      const client = broker.client(topology);
      clients.push(client);
      return client;
    },
    setUp: async (up) => broker.setUp(up),
    interrupt: broker.interrupt,
    holdAnswers() {
      broker.faults.publish = () => "hold";
    },
    deleteQueue: async (queue) => broker.deleteQueue(queue),
    depth: async (queue) => broker.depth(queue),
    sendGarbage: async (queue, payload) =>
      broker.sendUndecodable(queue, { type: queue, payload, cause: "no message id" }),
    async stop() {
      await Promise.all(clients.map((client) => client.stop()));
    },
  };
}

/**
 * A RabbitMQ as a stage: exchange and queues with names of their own, and a proxy in front. Its queues are used as soon
 * as they are declared, where nothing else is asked for.
 */
export async function createRabbitMqStage(url?: string, queueSettleTimeMs = 0): Promise<BrokerStage> {
  const direct = url ?? (await testRabbitMqUrl());
  const prefix = `test-${randomUUID().slice(0, 8)}`;
  const proxy = await startTcpProxy(Number(new URL(direct).port || 5672));
  const proxied = new URL(direct);
  proxied.hostname = "127.0.0.1";
  proxied.port = String(proxy.port);
  const clients: Broker[] = [];
  const declared = new Set<string>();
  const exchange = `${prefix}.events`;

  async function inspect<T>(work: (connection: ChannelModel) => Promise<T>): Promise<T> {
    const connection = await connect(direct, { noDelay: true });
    connection.on("error", () => {});
    try {
      return await work(connection);
    } finally {
      await connection.close().catch(() => {});
    }
  }
  const remember = ({ queue }: QueueBindings) => declared.add(queue).add(deadQueueOf(queue));

  return {
    exchange,
    queue: (name) => `${prefix}-${name}`,
    client(topology) {
      for (const bindings of topology.outbound) remember(bindings);
      if (topology.inbound !== undefined) remember(topology.inbound);
      const client = createAmqpBroker({
        url: () => proxied.href,
        topology,
        appId: prefix,
        log: silentLogger(),
        metrics: createMetrics({ service: prefix }),
        queueSettleTimeMs,
      });
      clients.push(client);
      return client;
    },
    setUp: proxy.setUp,
    interrupt: proxy.cut,
    holdAnswers: () => proxy.holdAnswers(true),
    async deleteQueue(queue) {
      await inspect(async (connection) => (await connection.createChannel()).deleteQueue(queue));
    },
    depth: (queue) =>
      inspect(async (connection) => (await (await connection.createChannel()).checkQueue(queue)).messageCount),
    async sendGarbage(queue, payload) {
      await inspect(async (connection) => {
        const channel = await connection.createConfirmChannel();
        channel.sendToQueue(queue, Buffer.from(payload));
        await channel.waitForConfirms();
      });
    },
    async stop() {
      await Promise.all(clients.map((client) => client.stop()));
      await proxy.stop();
      await inspect(async (connection) => {
        const channel = await connection.createChannel();
        for (const queue of declared) await channel.deleteQueue(queue);
        await channel.deleteExchange(exchange);
        await channel.deleteExchange(deadExchangeOf(exchange));
      });
    },
  };
}
