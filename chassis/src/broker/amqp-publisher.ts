import type { ConfirmChannel } from "amqplib/callback_api";
import type { Topology } from "../events/topology.ts";
import type { Logger } from "../log.ts";
import { isMarked, type Mark, setMark } from "./amqp-mark.ts";
import { toProperties } from "./amqp-message.ts";
import type { AmqpSession } from "./amqp-session.ts";
import { assertTopology } from "./amqp-topology.ts";
import { type BrokerMessage, BrokerUnavailableError, type PublishResult } from "./broker.ts";

// A longer message would make the broker close the channel, and with it everything that waits behind.
const payloadBytesMax = 1024 * 1024;
const defaultConfirmTimeoutMs = 30_000;
const confirmChecksPerTimeout = 6;

/** Publishes on one session after another. */
export interface AmqpPublisher {
  /** Declares the consumers' queues on a new session and publishes there from then on. */
  setup(session: AmqpSession): Promise<void>;
  /** See Broker.publish. */
  publish(message: BrokerMessage): Promise<PublishResult>;
  /** See Broker.fillGaps. */
  fillGaps(sendAgain: (types: readonly string[]) => Promise<void>): Promise<void>;
}

interface Outlet {
  readonly session: AmqpSession;
  readonly channel: ConfirmChannel;
  /** Ids of messages that came back; their confirmation follows. */
  readonly returned: Set<string>;
  /** When each unconfirmed message was handed over, in that order. */
  readonly unconfirmed: Map<number, number>;
  publishCount: number;
  /** Names of the marks that were found or set on this session. */
  readonly known: Set<string>;
}

/** Creates the publishing half of the broker. */
export function createAmqpPublisher(options: {
  topology: Topology;
  appId: string;
  log: Logger;
  /** How long the broker may take to confirm an event before it is given up, half a minute by default. */
  confirmTimeoutMs?: number;
}): AmqpPublisher {
  const { topology, appId, log, confirmTimeoutMs = defaultConfirmTimeoutMs } = options;
  let outlet: Outlet | undefined;

  async function setup(session: AmqpSession): Promise<void> {
    const channel = await session.openConfirmChannel();
    const next: Outlet = {
      session,
      channel,
      returned: new Set(),
      unconfirmed: new Map(),
      publishCount: 0,
      known: new Set(),
    };
    channel.on("return", (message) => next.returned.add(String(message.properties.messageId)));
    await assertTopology(channel, topology.exchange, topology.outbound);
    outlet = next;
    watchConfirms(next);
  }

  function publish(message: BrokerMessage): Promise<PublishResult> {
    const current = outlet;
    if (current === undefined || !current.session.alive) {
      return Promise.reject(new BrokerUnavailableError("no connection to the broker"));
    }
    if (current.session.blocked) {
      return Promise.reject(new BrokerUnavailableError("the broker asks publishers to pause"));
    }
    const consumers = topology.publishes.get(message.type);
    if (consumers === undefined || message.payload.byteLength > payloadBytesMax) {
      const cause = consumers === undefined ? "not an event of this service" : "payload too long";
      log.error(
        { message_id: message.id, type: message.type, bytes: message.payload.byteLength, cause },
        "not published",
      );
      return Promise.resolve("refused");
    }
    return send(current, message, consumers > 0);
  }

  function send(current: Outlet, message: BrokerMessage, mandatory: boolean): Promise<PublishResult> {
    const { session, channel, returned, unconfirmed } = current;
    return new Promise((resolve, reject) => {
      const sequence = current.publishCount++;
      const answer = (error: Error | null) => {
        unconfirmed.delete(sequence);
        const wasReturned = returned.delete(message.id);
        if (error === null || error === undefined) {
          if (!wasReturned) resolve("confirmed");
          else {
            resolve("returned");
            // A queue or a binding has been deleted since the session began. The next one declares them again.
            session.fail(new Error(`no queue took a ${message.type}`));
          }
          return;
        }
        // The end of a channel is told to its callbacks before it is told to the session.
        setImmediate(() => {
          if (session.alive) resolve("refused");
          else reject(new BrokerUnavailableError("connection lost before the confirmation", { cause: error }));
        });
      };
      const content = Buffer.from(message.payload.buffer, message.payload.byteOffset, message.payload.byteLength);
      const properties = { ...toProperties(message, appId), mandatory };
      unconfirmed.set(sequence, performance.now());
      try {
        channel.publish(topology.exchange, message.type, content, properties, answer);
      } catch (error) {
        unconfirmed.delete(sequence);
        if (!session.alive) {
          reject(new BrokerUnavailableError("no connection to the broker", { cause: error }));
          return;
        }
        log.error({ err: error, message_id: message.id, type: message.type }, "message cannot be encoded");
        resolve("refused");
      }
    });
  }

  async function fillGaps(sendAgain: (types: readonly string[]) => Promise<void>): Promise<void> {
    const current = outlet;
    if (current === undefined || !current.session.alive) return;
    const { session, known } = current;
    for (const { mark, types } of knownMarks(topology, appId)) {
      if (!(await isMarked(session, mark))) {
        // What is new in the middle of a session has neither been declared by it nor settled.
        if (known.has(mark.name)) return session.fail(new Error(`${nameOf(mark)} was deleted`));
        await sendAgain(types);
        await setMark(session, mark);
      }
      known.add(mark.name);
    }
    // Bindings have no mark. One that was removed is at least back within the interval.
    await session.tryOut((channel) => assertTopology(channel, topology.exchange, topology.outbound));
  }

  // A broker that neither confirms nor hangs up would stop the relay for ever. While it asks for a pause it may.
  function watchConfirms(watched: Outlet): void {
    // What waited for the end of a pause is answered soon after it, and would arrive twice if it were given up.
    let blockedTime = 0;
    const timer = setInterval(() => {
      if (watched.session.blocked) blockedTime = performance.now();
      const [oldest] = watched.unconfirmed.values();
      if (oldest === undefined || watched.session.blocked) return;
      if (performance.now() - Math.max(oldest, blockedTime) > confirmTimeoutMs) {
        watched.session.fail(new Error(`no confirmation within ${confirmTimeoutMs} ms`));
      }
    }, confirmTimeoutMs / confirmChecksPerTimeout);
    timer.unref();
    watched.session.signal.addEventListener("abort", () => clearInterval(timer));
  }

  return { setup, publish, fillGaps };
}

/** A mark for each thing that a service's events need, which says that nothing is missing in it. */
function knownMarks({ exchange, publishes, outbound }: Topology, appId: string): { mark: Mark; types: string[] }[] {
  const consumed = [...publishes].filter(([, consumers]) => consumers > 0).map(([type]) => type);
  return [
    { mark: { name: `${exchange}.known.${appId}`, of: { exchange } }, types: consumed },
    ...outbound.map(({ queue, types }) => ({
      mark: { name: `${queue}.known.${appId}`, of: { queue } },
      types: [...types],
    })),
  ];
}

function nameOf({ of }: Mark): string {
  return "queue" in of ? `queue ${of.queue}` : `exchange ${of.exchange}`;
}
