import prom from "prom-client";
import type { QueueBindings, Topology } from "../events/topology.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { createAmqpLink } from "./amqp-link.ts";
import { createAmqpPublisher } from "./amqp-publisher.ts";
import type { AmqpSession } from "./amqp-session.ts";
import { settleQueues, settleTimeoutMs } from "./amqp-settling.ts";
import { type AmqpSubscriber, createAmqpSubscriber } from "./amqp-subscriber.ts";
import type { Broker, Subscription } from "./broker.ts";

/** What the broker needs. */
export interface AmqpBrokerOptions {
  /** amqp:// or amqps:// address with user and password, asked for before each connection. What it throws is one that failed. */
  readonly url: () => string;
  readonly topology: Topology;
  /** Name of the service, sent along with its messages and shown in the broker's list of connections. */
  readonly appId: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** How long new queues are left alone before they are used, two seconds by default. */
  readonly queueSettleTimeMs?: number;
}

/**
 * The broker over AMQP 0-9-1 (RabbitMQ 3.10 to 4.x). Publishing and consuming have a connection each: a broker short of
 * memory stops to read from connections that publish, and acknowledgements must not wait behind that.
 */
export function createAmqpBroker(options: AmqpBrokerOptions): Broker {
  const { url, topology, appId, log, metrics } = options;
  const listeners = new Set<() => void>();
  const subscribers = new Set<AmqpSubscriber>();
  let consumingSession: AmqpSession | undefined;
  let started = false;

  const onStateChange = () => {
    for (const listener of listeners) listener();
  };
  const settle = (queues: readonly QueueBindings[]) => ({
    prepare: (session: AmqpSession) =>
      settleQueues(session, { exchange: topology.exchange, queues, log, settleTimeMs: options.queueSettleTimeMs }),
    prepareTimeoutMs: settleTimeoutMs,
  });
  const publisher = createAmqpPublisher({ topology, appId, log });
  const publishing = createAmqpLink({
    url,
    name: `${appId} publishing`,
    ...settle(topology.outbound),
    setup: publisher.setup,
    onStateChange,
    log,
  });
  const consuming = createAmqpLink({
    url,
    name: `${appId} consuming`,
    ...settle(topology.inbound === undefined ? [] : [topology.inbound]),
    async setup(session) {
      consumingSession = session;
      await Promise.all([...subscribers].map((subscriber) => subscriber.setup(session)));
    },
    onStateChange,
    log,
  });

  const broker: Broker = {
    start() {
      started = true;
      publishing.start();
      if (subscribers.size > 0) consuming.start();
    },
    get connected() {
      return publishing.session !== undefined && (subscribers.size === 0 || consuming.session !== undefined);
    },
    get publishable() {
      return publishing.session?.alive === true && !publishing.session.blocked;
    },
    onStateChange(listener) {
      listeners.add(listener);
    },
    publish: publisher.publish,
    fillGaps: publisher.fillGaps,
    subscribe(subscribeOptions): Subscription {
      const subscriber = createAmqpSubscriber({ ...subscribeOptions, topology, log });
      subscribers.add(subscriber);
      const session = consumingSession;
      if (session?.alive === true) subscriber.setup(session).catch(session.fail);
      else if (started) consuming.start();
      return {
        async stop() {
          subscribers.delete(subscriber);
          await subscriber.stop();
        },
      };
    },
    async stop() {
      await Promise.all([publishing.stop(), consuming.stop()]);
    },
  };

  new prom.Gauge({
    name: "broker_connected",
    help: "1 while publishing and every subscription have a connection to the broker",
    registers: [metrics.registry],
    collect() {
      this.set(broker.connected ? 1 : 0);
    },
  });
  return broker;
}
