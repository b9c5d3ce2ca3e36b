import type { ConfirmChannel } from "amqplib/callback_api";
import type { Topology } from "../events/topology.ts";
import type { Logger } from "../log.ts";
import { toProperties } from "./amqp-message.ts";
import type { AmqpSession } from "./amqp-session.ts";
import { assertTopology } from "./amqp-topology.ts";
import { type BrokerMessage, BrokerUnavailableError, type PublishResult } from "./broker.ts";

// A longer message would make the broker close the channel, and with it everything that waits behind.
const payloadBytesMax = 1024 * 1024;
const confirmTimeoutMs = 30_000;
const confirmCheckIntervalMs = 5_000;
const declareIntervalMs = 1_000;

/** Publishes on one session after another. */
export interface AmqpPublisher {
  /** Declares the consumers' queues on a new session and publishes there from then on. */
  setup(session: AmqpSession): Promise<void>;
  /** See Broker.publish. */
  publish(message: BrokerMessage): Promise<PublishResult>;
}

interface Outlet {
  readonly session: AmqpSession;
  readonly channel: ConfirmChannel;
  /** Ids of messages that came back; their confirmation follows. */
  readonly returned: Set<string>;
  /** When each unconfirmed message was handed over, in that order. */
  readonly unconfirmed: Map<number, number>;
  publishCount: number;
  declareTime: number;
}

/** Creates the publishing half of the broker. */
export function createAmqpPublisher(options: { topology: Topology; appId: string; log: Logger }): AmqpPublisher {
  const { topology, appId, log } = options;
  let outlet: Outlet | undefined;

  async function setup(session: AmqpSession): Promise<void> {
    const channel = await session.openConfirmChannel();
    const next: Outlet = {
      session,
      channel,
      returned: new Set(),
      unconfirmed: new Map(),
      publishCount: 0,
      declareTime: performance.now(),
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
          // Its queue has been deleted since the session began: declare it again before the next attempt.
          else void declareAgain(current).finally(() => resolve("returned"));
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

  async function declareAgain(current: Outlet): Promise<void> {
    if (performance.now() - current.declareTime < declareIntervalMs) return;
    current.declareTime = performance.now();
    // A failure closes the channel, and with it the session: the next one declares everything.
    await assertTopology(current.channel, topology.exchange, topology.outbound).catch(() => {});
  }

  // A broker that neither confirms nor hangs up would stop the relay for ever. While it asks for a pause it may.
  function watchConfirms(watched: Outlet): void {
    const timer = setInterval(() => {
      const [oldest] = watched.unconfirmed.values();
      if (oldest === undefined || watched.session.blocked) return;
      if (performance.now() - oldest > confirmTimeoutMs) {
        watched.session.fail(new Error(`no confirmation within ${confirmTimeoutMs} ms`));
      }
    }, confirmCheckIntervalMs);
    timer.unref();
    watched.session.signal.addEventListener("abort", () => clearInterval(timer));
  }

  return { setup, publish };
}
