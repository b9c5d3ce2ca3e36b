import { consumedTypes, type EventCatalog, queueOf } from "./catalog.ts";

/** A queue and the events that go into it. */
export interface QueueBindings {
  readonly queue: string;
  /** Routing keys: full names of events. */
  readonly types: readonly string[];
}

/** The part of the broker's exchanges and queues that one service declares. */
export interface Topology {
  /** Topic exchange of all events. Dead letters go to the direct exchange `<exchange>.dead`. */
  readonly exchange: string;
  /** Types the service publishes, with the number of queues that must take each: with none it is not mandatory. */
  readonly publishes: ReadonlyMap<string, number>;
  /** Queues of the declared consumers, bound to the events of this service. */
  readonly outbound: readonly QueueBindings[];
  /** The service's own queue; undefined when it consumes nothing. */
  readonly inbound: QueueBindings | undefined;
}

/**
 * What a service declares at the broker according to the contract. A publisher declares the queues of its consumers
 * too, so that an event published before a consumer's first start waits for it.
 */
export function topologyOf(catalog: EventCatalog, options: { service: string; exchange: string }): Topology {
  const published = [...catalog.values()].filter(({ publisher }) => publisher === options.service);
  const consumers = [...new Set(published.flatMap((event) => event.consumers))].sort();
  const consumed = consumedTypes(catalog, options.service);
  return {
    exchange: options.exchange,
    publishes: new Map(published.map((event) => [event.type, event.consumers.length])),
    outbound: consumers.map((consumer) => ({
      queue: queueOf(consumer),
      types: published.filter((event) => event.consumers.includes(consumer)).map(({ type }) => type),
    })),
    inbound: consumed.length === 0 ? undefined : { queue: queueOf(options.service), types: consumed },
  };
}

/** Name of the exchange for messages that the broker gave up on. */
export function deadExchangeOf(exchange: string): string {
  return `${exchange}.dead`;
}

/** Name of the queue for messages of a queue that the broker gave up on. */
export function deadQueueOf(queue: string): string {
  return `${queue}.dead`;
}
