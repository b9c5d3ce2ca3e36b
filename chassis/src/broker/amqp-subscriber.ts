import type { Channel, ConsumeMessage } from "amqplib/callback_api";
import type { Topology } from "../events/topology.ts";
import { failPoint, failPointAfterWrites } from "../fail-point.ts";
import type { Logger } from "../log.ts";
import { pause } from "./amqp-link.ts";
import { fromAmqp } from "./amqp-message.ts";
import { type AmqpSession, ask } from "./amqp-session.ts";
import { assertTopology } from "./amqp-topology.ts";
import type { SubscribeOptions } from "./broker.ts";

// Handing a message back would count against the queue's delivery limit, so it is kept and tried again here.
const redeliverDelayMs = 500;
const cancelTimeoutMs = 1_000;

/** One subscription over one session after another. */
export interface AmqpSubscriber {
  /** Consumes on a new session. */
  setup(session: AmqpSession): Promise<void>;
  /** See Subscription.stop. */
  stop(): Promise<void>;
}

/** Creates the consuming half of the broker for one queue. */
export function createAmqpSubscriber(options: SubscribeOptions & { topology: Topology; log: Logger }): AmqpSubscriber {
  const { topology, log, queue } = options;
  const stopping = new AbortController();
  const underWay = new Set<Promise<void>>();
  let current: { session: AmqpSession; channel: Channel; consumerTag: string } | undefined;

  async function setup(session: AmqpSession): Promise<void> {
    if (stopping.signal.aborted) return;
    const channel = await session.openChannel();
    await assertTopology(channel, topology.exchange, topology.inbound === undefined ? [] : [topology.inbound]);
    await ask((callback) => channel.prefetch(options.prefetch, false, callback));
    const onMessage = (raw: ConsumeMessage | null) => {
      // The queue was deleted or the broker took the consumer away: nothing would arrive any more.
      if (raw === null) session.fail(new Error(`consumer of ${queue} cancelled by the broker`));
      else if (!stopping.signal.aborted) take(session, channel, raw);
    };
    const { consumerTag } = await ask<{ consumerTag: string }>((callback) =>
      channel.consume(queue, onMessage, { noAck: false }, callback),
    );
    current = { session, channel, consumerTag };
  }

  function take(session: AmqpSession, channel: Channel, raw: ConsumeMessage): void {
    const work = deliver(session, raw).then((done) => {
      // An acknowledgement that comes after its session would acknowledge another message of the next.
      failPoint("consumer.before-ack", raw.properties.type);
      if (done && session.alive) channel.ack(raw);
      failPointAfterWrites("consumer.after-ack", raw.properties.type);
    });
    const tracked = work
      .catch((error: unknown) => session.fail(error instanceof Error ? error : new Error(String(error))))
      .finally(() => underWay.delete(tracked));
    underWay.add(tracked);
  }

  async function deliver(session: AmqpSession, raw: ConsumeMessage): Promise<boolean> {
    const decoded = fromAmqp(raw);
    let redelivered = raw.fields.redelivered;
    while (session.alive) {
      try {
        if ("message" in decoded) await options.deliver({ ...decoded.message, redelivered });
        else await options.onUndecodable(decoded.undecodable);
        return true;
      } catch (error) {
        log.error({ err: error, queue, message_id: raw.properties.messageId }, "message could not be taken over");
      }
      redelivered = true;
      await pause(redeliverDelayMs, AbortSignal.any([session.signal, stopping.signal]));
      if (stopping.signal.aborted) return false;
    }
    return false;
  }

  async function stop(): Promise<void> {
    stopping.abort();
    const last = current;
    const live = last?.session.alive === true ? last : undefined;
    if (live !== undefined) {
      const { session, channel, consumerTag } = live;
      await bounded(
        ask((callback) => channel.cancel(consumerTag, callback)),
        session,
      );
    }
    await Promise.all(underWay);
    // The answer to the close comes after the broker has read the acknowledgements before it.
    if (live?.session.alive === true) {
      await bounded(live.session.closeChannel(live.channel), live.session);
    }
  }

  return { setup, stop };
}

async function bounded(call: Promise<unknown>, session: AmqpSession): Promise<void> {
  const over = new AbortController();
  const limit = pause(cancelTimeoutMs, AbortSignal.any([over.signal, session.signal]));
  await Promise.race([call, limit]).catch(() => {});
  over.abort();
}
