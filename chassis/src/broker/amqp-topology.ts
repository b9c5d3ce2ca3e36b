import type { Channel } from "amqplib/callback_api";
import { deadExchangeOf, deadQueueOf, type QueueBindings } from "../events/topology.ts";
import { ask } from "./amqp-session.ts";

// Brokers differ in what they count (4.0 to 4.2 count every delivery that was not acknowledged, and a crashed consumer
// counts for all it had prefetched) and in their default (20 since 4.0, none before), so it is explicit and far above
// what crashes add up to. Poison is found by the inbox long before.
const deliveryLimit = 200;
// Nothing consumes a dead letter but the inbox of its own service; it must not be dropped for being looked at.
const deadDeliveryLimit = 1_000_000;

/**
 * Declares the exchanges, and each queue with its bindings and its queue for dead letters. Repeating it changes
 * nothing. Rejects, and the broker closes the channel, when one exists with other arguments.
 */
export async function assertTopology(
  channel: Channel,
  exchange: string,
  queues: readonly QueueBindings[],
): Promise<void> {
  const deadExchange = deadExchangeOf(exchange);
  await ask((callback) => channel.assertExchange(exchange, "topic", { durable: true }, callback));
  await ask((callback) => channel.assertExchange(deadExchange, "direct", { durable: true }, callback));
  for (const { queue, types } of queues) {
    const deadQueue = deadQueueOf(queue);
    const deadArguments = { "x-queue-type": "quorum", "x-delivery-limit": deadDeliveryLimit };
    await ask((callback) => channel.assertQueue(deadQueue, { durable: true, arguments: deadArguments }, callback));
    await ask((callback) => channel.bindQueue(deadQueue, deadExchange, queue, {}, callback));
    const queueArguments = {
      "x-queue-type": "quorum",
      "x-delivery-limit": deliveryLimit,
      "x-dead-letter-exchange": deadExchange,
      "x-dead-letter-routing-key": queue,
      "x-dead-letter-strategy": "at-least-once",
      "x-overflow": "reject-publish",
    };
    await ask((callback) => channel.assertQueue(queue, { durable: true, arguments: queueArguments }, callback));
    for (const type of types) {
      await ask((callback) => channel.bindQueue(queue, exchange, type, {}, callback));
    }
  }
}
