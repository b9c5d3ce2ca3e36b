import { setTimeout as delay } from "node:timers/promises";
import {
  type Broker,
  type BrokerMessage,
  BrokerUnavailableError,
  type PublishResult,
  type SubscribeOptions,
  type Subscription,
  type UndecodableMessage,
} from "../broker/broker.ts";
import { deadQueueOf, type QueueBindings, type Topology } from "../events/topology.ts";
import type { IncomingMessage } from "../storage/messages.ts";

const redeliverDelayMs = 5;

/**
 * What goes wrong with one publish. "return" and "refuse": the message is not taken. "lose": it is not taken and the
 * publisher's connection breaks. "drop-confirm": it is taken and the connection breaks before the answer. "hold": it is
 * taken and the answer waits for `release`.
 */
export type PublishFault = "return" | "refuse" | "lose" | "drop-confirm" | "hold";

/** Faults of the memory broker, all off until a test sets them. */
export interface MemoryBrokerFaults {
  /** Asked for every publish. */
  publish: ((message: BrokerMessage) => PublishFault | undefined) | undefined;
  /** How many copies of a message each queue gets. */
  copies: (message: BrokerMessage) => number;
  /** From how many messages at the head of a queue the next delivery is picked, and the number in [0, 1) to pick by. */
  shuffle: { readonly window: number; readonly random: () => number } | undefined;
}

/** A broker inside the process: same promises as the real one, and trouble on demand. */
export interface MemoryBroker {
  /** A service's view of it. */
  client(topology: Topology): Broker;
  readonly faults: MemoryBrokerFaults;
  /** Everything that was taken, in order, repetitions included. */
  readonly published: readonly BrokerMessage[];
  /** Takes the broker away or brings it back. Queues stay. */
  setUp(up: boolean): void;
  /** Breaks all connections; clients come back by themselves. */
  interrupt(): void;
  /** Asks publishers to pause, or to go on. */
  setBlocked(blocked: boolean): void;
  /** Answers the publishes held back by the fault "hold", in the given order of their positions, or as they came. */
  release(order?: readonly number[]): void;
  deleteQueue(queue: string): void;
  /** Messages in a queue, those under way included. */
  depth(queue: string): number;
  /** Puts something into a queue that is no event. */
  sendUndecodable(queue: string, message: UndecodableMessage): void;
  /** Puts an event into a queue. */
  send(queue: string, message: BrokerMessage): void;
}

interface Entry {
  readonly content: { message: BrokerMessage } | { undecodable: UndecodableMessage };
  redelivered: boolean;
}

interface Queue {
  readonly types: Set<string>;
  readonly waiting: Entry[];
  readonly underWay: Set<Entry>;
  /** Publishers that miss nothing in it, each by all that it publishes. */
  readonly known: Set<string>;
}

interface Client {
  connect(): void;
  disconnect(): void;
  pump(): void;
  notify(): void;
}

/** Creates a broker that is up. */
export function createMemoryBroker(): MemoryBroker {
  const queues = new Map<string, Queue>();
  const clients = new Set<Client>();
  const published: BrokerMessage[] = [];
  let held: (() => void)[] = [];
  let up = true;
  let blocked = false;
  const faults: MemoryBrokerFaults = { publish: undefined, copies: () => 1, shuffle: undefined };

  function declare({ queue, types }: QueueBindings): void {
    for (const name of [queue, deadQueueOf(queue)]) {
      if (!queues.has(name)) queues.set(name, newQueue());
    }
    for (const type of types) queues.get(queue)?.types.add(type);
  }

  function newQueue(): Queue {
    return { types: new Set(), waiting: [], underWay: new Set(), known: new Set() };
  }

  function route(message: BrokerMessage): number {
    const targets = [...queues.values()].filter(({ types }) => types.has(message.type));
    for (const { waiting } of targets) {
      for (let copy = 0; copy < faults.copies(message); copy++) {
        waiting.push({ content: { message }, redelivered: copy > 0 });
      }
    }
    published.push(message);
    pumpAll();
    return targets.length;
  }

  function pumpAll(): void {
    for (const client of clients) client.pump();
  }

  function put(name: string, entry: Entry): void {
    const queue = queues.get(name);
    if (queue === undefined) throw new Error(`no queue ${name}`);
    queue.waiting.push(entry);
    pumpAll();
  }

  function pick(queue: Queue): Entry | undefined {
    const { shuffle } = faults;
    if (shuffle === undefined) return queue.waiting.shift();
    const index = Math.floor(shuffle.random() * Math.min(shuffle.window, queue.waiting.length));
    return queue.waiting.splice(index, 1)[0];
  }

  function createClient(topology: Topology): Broker {
    const listeners = new Set<() => void>();
    const subscriptions = new Set<{ pump: () => void; drop: () => void }>();
    const unanswered = new Set<(error: BrokerUnavailableError) => void>();
    let started = false;
    let generation = 0;
    let connected = false;

    const client: Client = {
      connect() {
        if (!started || connected || !up) return;
        for (const bindings of topology.outbound) declare(bindings);
        if (topology.inbound !== undefined) declare(topology.inbound);
        connected = true;
        client.notify();
        client.pump();
      },
      disconnect() {
        if (!connected) return;
        connected = false;
        generation += 1;
        client.notify();
        for (const reject of unanswered) reject(new BrokerUnavailableError("connection lost before the confirmation"));
        unanswered.clear();
        for (const subscription of subscriptions) subscription.drop();
        setImmediate(() => client.connect());
      },
      pump() {
        for (const subscription of subscriptions) subscription.pump();
      },
      notify() {
        for (const listener of listeners) listener();
      },
    };

    function publish(message: BrokerMessage): Promise<PublishResult> {
      if (!connected) return Promise.reject(new BrokerUnavailableError("no connection to the broker"));
      if (blocked) return Promise.reject(new BrokerUnavailableError("the broker asks publishers to pause"));
      const consumers = topology.publishes.get(message.type);
      const fault = faults.publish?.(message);
      if (consumers === undefined || fault === "refuse") return Promise.resolve("refused");
      if (fault === "return") return Promise.resolve("returned");
      return new Promise((resolve, reject) => {
        unanswered.add(reject);
        if (fault === "lose") {
          client.disconnect();
          return;
        }
        const returned = route(message) === 0 && consumers > 0;
        if (returned) for (const bindings of topology.outbound) declare(bindings);
        if (fault === "drop-confirm") {
          client.disconnect();
          return;
        }
        const answer = () => {
          if (unanswered.delete(reject)) resolve(returned ? "returned" : "confirmed");
        };
        if (fault === "hold") held.push(answer);
        else setImmediate(answer);
      });
    }

    function subscribe(options: SubscribeOptions): Subscription {
      const underWay = new Map<Entry, Promise<void>>();
      let stopping = false;

      async function deliver(entry: Entry, startGeneration: number): Promise<void> {
        const { content } = entry;
        let { redelivered } = entry;
        while (generation === startGeneration) {
          try {
            if ("message" in content) await options.deliver(toIncoming(content.message, redelivered));
            else await options.onUndecodable(content.undecodable);
            if (generation === startGeneration) queues.get(options.queue)?.underWay.delete(entry);
            return;
          } catch {
            redelivered = true;
          }
          if (stopping) break;
          await delay(redeliverDelayMs);
        }
        if (generation === startGeneration) giveBack(entry);
      }

      function giveBack(entry: Entry): void {
        const queue = queues.get(options.queue);
        if (queue?.underWay.delete(entry) !== true) return;
        queue.waiting.unshift({ content: entry.content, redelivered: true });
        pumpAll();
      }

      const self = {
        pump() {
          const queue = queues.get(options.queue);
          while (connected && !stopping && queue !== undefined && underWay.size < options.prefetch) {
            const entry = pick(queue);
            if (entry === undefined) return;
            queue.underWay.add(entry);
            // Not before the entry is known to be under way: its handler may break the connection at once.
            const startGeneration = generation;
            const work = Promise.resolve()
              .then(() => deliver(entry, startGeneration))
              .finally(() => {
                underWay.delete(entry);
                self.pump();
              });
            underWay.set(entry, work);
          }
        },
        drop() {
          for (const entry of [...underWay.keys()].reverse()) giveBack(entry);
        },
      };
      subscriptions.add(self);
      setImmediate(self.pump);
      return {
        async stop() {
          stopping = true;
          await Promise.all(underWay.values());
          subscriptions.delete(self);
        },
      };
    }

    clients.add(client);
    return {
      start() {
        started = true;
        setImmediate(() => client.connect());
      },
      get connected() {
        return connected;
      },
      get publishable() {
        return connected && !blocked;
      },
      onStateChange: (listener) => void listeners.add(listener),
      publish,
      async fillGaps(sendAgain) {
        const publisher = [...topology.publishes.keys()].join();
        for (const { queue: name, types } of connected ? topology.outbound : []) {
          const queue = queues.get(name);
          if (queue === undefined || queue.known.has(publisher)) continue;
          await sendAgain(types);
          queue.known.add(publisher);
        }
      },
      subscribe,
      async stop() {
        started = false;
        client.disconnect();
        clients.delete(client);
      },
    };
  }

  return {
    client: createClient,
    faults,
    published,
    setUp(next) {
      up = next;
      for (const client of clients) {
        if (up) client.connect();
        else client.disconnect();
      }
    },
    interrupt() {
      for (const client of clients) client.disconnect();
    },
    setBlocked(next) {
      blocked = next;
      for (const client of clients) client.notify();
    },
    release(order) {
      const answers = held;
      held = [];
      for (const index of order ?? answers.keys()) answers[index]?.();
    },
    deleteQueue(queue) {
      queues.delete(queue);
      for (const client of clients) client.disconnect();
    },
    depth(queue) {
      const found = queues.get(queue);
      return found === undefined ? 0 : found.waiting.length + found.underWay.size;
    },
    sendUndecodable: (queue, undecodable) => put(queue, { content: { undecodable }, redelivered: false }),
    send: (queue, message) => put(queue, { content: { message }, redelivered: false }),
  };
}

function toIncoming(message: BrokerMessage, redelivered: boolean): IncomingMessage {
  return { ...message, redelivered };
}
