import {
  type Broker,
  type BrokerMessage,
  BrokerUnavailableError,
  type PublishResult,
  type SubscribeOptions,
} from "@quartet/chassis/broker/broker";
import { deadQueueOf, type Topology } from "@quartet/chassis/events/topology";
import { createArrivalOrder } from "./arrival-order.ts";
import type { Network } from "./network.ts";
import type { Random } from "./random.ts";
import { shortOf } from "./short-message.ts";
import type { Process, World } from "./world.ts";

/** What goes wrong at the broker: probabilities, and from how many messages at the head of a queue the next is taken. */
export interface BrokerFaults {
  /** The message is not taken and the connection breaks. */
  losePublish: number;
  /** The message is taken and the connection breaks before the confirmation. */
  loseConfirm: number;
  /** The broker says no. */
  refuse: number;
  /** No queue takes it. */
  return: number;
  /** A queue gets it up to 5 times. */
  duplicate: number;
  window: number;
}

/** A broker that keeps what it confirmed and promises nothing else. */
export interface SimulatedBroker {
  readonly faults: BrokerFaults;
  /** The view of a process. It is over when the process has ended. */
  client(process: Process, topology: Topology): Broker;
  /** Breaks the connection of a process, which comes back by itself. */
  disconnect(process: Process): void;
  /** Takes the broker away or brings it back. Its queues stay. */
  setUp(up: boolean): void;
  /** Asks publishers to pause, or to go on. */
  setBlocked(blocked: boolean): void;
  /** Keeps back in its queue what is of one of these types, by their short names; what was kept back before is free. */
  hold(queue: string, types: readonly string[]): void;
  /** Tells the broker that a process has ended, from which something may arrive until a time. */
  lose(process: Process, untilTime: number): void;
  /** How many messages all queues have taken, and how often. */
  readonly taken: { readonly messages: number; readonly copies: number };
  /** How many messages a queue holds, those under way included. */
  depths(): ReadonlyMap<string, number>;
}

interface Entry {
  readonly message: BrokerMessage;
  deliveries: number;
}

interface Queue {
  readonly types: Set<string>;
  held: readonly string[];
  readonly waiting: Entry[];
  underWay: number;
}

interface Subscriber extends SubscribeOptions {
  readonly connection: Connection;
  readonly underWay: Set<Entry>;
}

/** A process at the broker. `session` counts how often it came: what belongs to an earlier one is void. */
interface Connection {
  readonly process: Process;
  session: number;
  isConnected: boolean;
  readonly subscribers: Subscriber[];
  readonly unanswered: Set<(error: BrokerUnavailableError) => void>;
  readonly listeners: (() => void)[];
}

const reconnectMinMs = 50;
const reconnectMaxMs = 1_500;
const redeliverDelayMs = 500;
const resetMaxMs = 5;

/** Creates a broker that is up and makes no mistakes. */
export function createSimulatedBroker(world: World, network: Network, random: Random): SimulatedBroker {
  const self = world.newProcess("rabbitmq");
  const queues = new Map<string, Queue>();
  const connections = new Map<Process, Connection>();
  const faults: BrokerFaults = { losePublish: 0, loseConfirm: 0, refuse: 0, return: 0, duplicate: 0, window: 1 };
  const taken = { messages: 0, copies: 0 };
  const watchOrder = createArrivalOrder(world);
  let up = true;
  let blocked = false;

  function declare(topology: Topology): void {
    const { inbound, outbound } = topology;
    for (const { queue, types } of inbound === undefined ? outbound : [...outbound, inbound]) {
      for (const name of [queue, deadQueueOf(queue)]) {
        if (!queues.has(name)) queues.set(name, { types: new Set(), held: [], waiting: [], underWay: 0 });
      }
      for (const type of types) queues.get(queue)?.types.add(type);
    }
  }

  function route(message: BrokerMessage): void {
    watchOrder(message);
    for (const [name, queue] of queues) {
      if (!queue.types.has(message.type)) continue;
      const copies = random.chance(faults.duplicate) ? random.integer(1, 5) : 1;
      taken.messages += 1;
      taken.copies += copies;
      if (copies > 1) world.note(`${name} takes ${shortOf(message)} ${copies} times`);
      for (let copy = 0; copy < copies; copy++) queue.waiting.push({ message, deliveries: 0 });
      pump(name, queue);
    }
  }

  function pump(name: string, queue: Queue): void {
    for (;;) {
      const free = freeSubscribers(name);
      const ready = queue.held.length === 0 ? queue.waiting : queue.waiting.filter((entry) => !isHeld(queue, entry));
      if (free.length === 0 || ready.length === 0) return;
      const subscriber = free.length === 1 ? (free[0] as Subscriber) : random.pick(free);
      const entry = ready[random.integer(0, Math.min(faults.window, ready.length) - 1)] as Entry;
      queue.waiting.splice(queue.waiting.indexOf(entry), 1);
      deliver(name, queue, entry, subscriber);
    }
  }

  function freeSubscribers(name: string): Subscriber[] {
    return [...connections.values()]
      .filter(({ isConnected, process }) => isConnected && process.isAlive)
      .flatMap(({ subscribers }) => subscribers)
      .filter((subscriber) => subscriber.queue === name && subscriber.underWay.size < subscriber.prefetch);
  }

  function deliver(name: string, queue: Queue, entry: Entry, subscriber: Subscriber): void {
    const { connection, underWay } = subscriber;
    const { session, process } = connection;
    const redelivered = entry.deliveries > 0;
    entry.deliveries += 1;
    underWay.add(entry);
    queue.underWay += 1;
    const acknowledge = (): void => {
      if (connection.session !== session || !underWay.delete(entry)) return;
      queue.underWay -= 1;
      pump(name, queue);
    };
    const attempt = (isAgain: boolean): void => {
      if (connection.session !== session) return;
      subscriber.deliver({ ...entry.message, redelivered: isAgain }).then(
        () => network.sendFromCurrent(self, `acknowledgement of ${shortOf(entry.message)}`, acknowledge),
        (error: unknown) => {
          world.note(`could not take over ${shortOf(entry.message)}: ${error}`);
          world.after(process, redeliverDelayMs, "delivery again", () => attempt(true));
        },
      );
    };
    network.send(process, "delivery", () => {
      world.note(`gets ${shortOf(entry.message)}${redelivered ? " again" : ""}`);
      attempt(redelivered);
    });
  }

  /** Ends a session: what it had under way goes back to the heads of the queues. */
  function endSession(connection: Connection): void {
    connection.session += 1;
    connection.isConnected = false;
    for (const { queue: name, underWay } of connection.subscribers) {
      const queue = queues.get(name);
      if (queue === undefined) continue;
      queue.waiting.unshift(...underWay);
      queue.underWay -= underWay.size;
      underWay.clear();
      pump(name, queue);
    }
  }

  function tell(connection: Connection): void {
    for (const listener of connection.listeners) listener();
  }

  function disconnect(connection: Connection): void {
    if (!connection.isConnected) return;
    endSession(connection);
    const unanswered = [...connection.unanswered];
    connection.unanswered.clear();
    world.after(connection.process, 0, "connection lost", () => {
      world.note("loses its connection to the broker");
      for (const reject of unanswered) reject(new BrokerUnavailableError("connection lost"));
      tell(connection);
    });
    reconnect(connection);
  }

  function reconnect(connection: Connection): void {
    world.after(connection.process, random.between(reconnectMinMs, reconnectMaxMs), "reconnect", () => {
      if (connection.isConnected) return;
      if (!up) {
        reconnect(connection);
        return;
      }
      connect(connection);
    });
  }

  function connect(connection: Connection): void {
    connection.isConnected = true;
    tell(connection);
    for (const { queue } of connection.subscribers) pump(queue, queues.get(queue) as Queue);
  }

  function publish(connection: Connection, topology: Topology, message: BrokerMessage): Promise<PublishResult> {
    if (!connection.isConnected) return Promise.reject(new BrokerUnavailableError("no connection to the broker"));
    if (blocked) return Promise.reject(new BrokerUnavailableError("the broker asks publishers to pause"));
    if (!topology.publishes.has(message.type)) return Promise.resolve("refused");
    const { session, process } = connection;
    const { promise, resolve, reject } = Promise.withResolvers<PublishResult>();
    connection.unanswered.add(reject);
    const answer = (result: PublishResult): void =>
      network.send(process, `broker: ${result}`, () => {
        if (connection.unanswered.delete(reject)) resolve(result);
      });
    world.note(`publishes ${shortOf(message)}`);
    network.sendFromCurrent(self, `publish ${shortOf(message)}`, () => {
      if (!up || random.chance(faults.losePublish)) {
        world.note(`${shortOf(message)} is lost on its way`);
        if (connection.session === session) disconnect(connection);
      } else if (random.chance(faults.refuse)) answer("refused");
      else if (random.chance(faults.return)) answer("returned");
      else {
        route(message);
        // What arrived before the end of its session is in the queues all the same, but nobody is told.
        if (connection.session !== session) world.note(`${shortOf(message)} arrives late`);
        else if (!random.chance(faults.loseConfirm)) answer("confirmed");
        else {
          world.note(`the confirmation of ${shortOf(message)} is lost`);
          disconnect(connection);
        }
      }
    });
    return promise;
  }

  return {
    faults,
    client(process, topology) {
      const connection: Connection = {
        process,
        session: 0,
        isConnected: false,
        subscribers: [],
        unanswered: new Set(),
        listeners: [],
      };
      connections.set(process, connection);
      declare(topology);
      return {
        start: () => reconnect(connection),
        get connected() {
          return connection.isConnected;
        },
        get publishable() {
          return connection.isConnected && !blocked;
        },
        onStateChange: (listener) => void connection.listeners.push(listener),
        publish: (message) => publish(connection, topology, message),
        // Nobody deletes a queue here.
        fillGaps: () => Promise.resolve(),
        subscribe(options) {
          connection.subscribers.push({ ...options, connection, underWay: new Set() });
          return { stop: () => Promise.reject(new Error("a simulated process is killed, never stopped")) };
        },
        stop: () => Promise.reject(new Error("a simulated process is killed, never stopped")),
      };
    },
    disconnect(process) {
      const connection = connections.get(process);
      if (connection !== undefined) disconnect(connection);
    },
    setUp(next) {
      up = next;
      if (!up) for (const connection of connections.values()) disconnect(connection);
    },
    setBlocked(next) {
      blocked = next;
      for (const connection of connections.values()) {
        network.send(connection.process, "broker: pause", () => tell(connection));
      }
    },
    hold(name, types) {
      const queue = queues.get(name) as Queue;
      queue.held = types;
      pump(name, queue);
    },
    lose(process, untilTime) {
      const connection = connections.get(process);
      if (connection === undefined) return;
      world.after(self, untilTime - world.time + random.between(0, resetMaxMs), "connection reset", () => {
        connections.delete(process);
        endSession(connection);
      });
    },
    taken,
    depths: () => new Map([...queues].map(([name, { waiting, underWay }]) => [name, waiting.length + underWay])),
  };
}

const isHeld = ({ held }: Queue, { message }: Entry): boolean =>
  held.includes(message.type.slice(message.type.lastIndexOf(".") + 1));
