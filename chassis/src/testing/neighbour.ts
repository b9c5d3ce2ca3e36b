import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { Broker } from "../broker/broker.ts";
import { loadContract } from "../contract.ts";
import { consumedTypes, eventCatalog, queueOf } from "../events/catalog.ts";
import { type QueueBindings, type Topology, topologyOf } from "../events/topology.ts";
import { newId } from "../ids.ts";
import type { IncomingMessage } from "../storage/messages.ts";
import type { BrokerStage } from "./broker-stages.ts";
import { eventually } from "./eventually.ts";

/** Everything round one service, seen from the broker: says what the service consumes, hears what it publishes. */
export interface Neighbour {
  /** What was heard, in order, each message once: as any consumer it drops what it knows. */
  readonly heard: readonly IncomingMessage[];
  /** The events of one type that were heard. */
  heardOf<D extends DescMessage>(schema: D): MessageShape<D>[];
  /**
   * Publishes an event as one message, or the same message several times, and resolves when the broker has it. Waits for
   * the broker when it is away.
   */
  say<D extends DescMessage>(schema: D, event: MessageInitShape<D>, options?: { times?: number }): Promise<void>;
  stop(): Promise<void>;
}

const prefetch = 100;

/** A service's view of the broker on a stage, for a service that knows its queue by the usual name. */
export function brokerOn(stage: BrokerStage, service: string): Broker {
  const catalog = eventCatalog(loadContract().registry.files);
  const topology = topologyOf(catalog, { service, exchange: stage.exchange });
  const rename = (bindings: QueueBindings) => ({ ...bindings, queue: stage.queue(bindings.queue) });
  const broker = stage.client({
    ...topology,
    outbound: topology.outbound.map(rename),
    inbound: topology.inbound && rename(topology.inbound),
  });
  return {
    start: broker.start,
    stop: broker.stop,
    publish: broker.publish,
    fillGaps: broker.fillGaps,
    onStateChange: broker.onStateChange,
    subscribe: (options) => broker.subscribe({ ...options, queue: stage.queue(options.queue) }),
    get connected() {
      return broker.connected;
    },
    get publishable() {
      return broker.publishable;
    },
  };
}

/** Starts the neighbour of a service on a stage. It hears from a queue of its own, and from now on. */
export async function startNeighbour(stage: BrokerStage, service: string): Promise<Neighbour> {
  const catalog = eventCatalog(loadContract().registry.files);
  const consumed = consumedTypes(catalog, service);
  const published = [...catalog.values()].filter(({ publisher }) => publisher === service).map(({ type }) => type);
  const queue = stage.queue(`neighbour-of-${queueOf(service)}`);
  const topology: Topology = {
    exchange: stage.exchange,
    publishes: new Map(consumed.map((type) => [type, 1])),
    outbound: consumed.length === 0 ? [] : [{ queue: stage.queue(queueOf(service)), types: consumed }],
    inbound: { queue, types: published },
  };
  const broker = stage.client(topology);
  const heard: IncomingMessage[] = [];
  const subscription = broker.subscribe({
    queue,
    prefetch,
    deliver: async (message) => {
      if (!heard.some(({ id }) => id === message.id)) heard.push(message);
    },
    onUndecodable: async ({ cause }) => {
      throw new Error(`${service} published something that is no event: ${cause}`);
    },
  });
  broker.start();
  await eventually("the neighbour is connected", () => broker.connected);

  return {
    heard,
    heardOf: (schema) =>
      heard.filter(({ type }) => type === schema.typeName).map(({ payload }) => fromBinary(schema, payload)),
    async say(schema, event, { times = 1 } = {}) {
      const payload = toBinary(schema, create(schema, event));
      const message = {
        id: newId(),
        type: schema.typeName,
        aggregate: "tests/1",
        version: 1,
        payload,
        time: Date.now(),
      };
      await eventually("the neighbour is connected", () => broker.connected);
      for (let time = 0; time < times; time++) {
        const result = await broker.publish(message);
        if (result !== "confirmed") throw new Error(`the broker ${result} a ${schema.typeName}`);
      }
    },
    stop: () => subscription.stop(),
  };
}
