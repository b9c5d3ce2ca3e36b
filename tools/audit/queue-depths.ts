import { connect } from "amqplib";
import { serviceNames } from "../stack/stack-config.ts";
import type { QueueDepth } from "./judge.ts";

const connectTimeoutMs = 5_000;

/**
 * How many messages are ready in the queue of each service and in the one of its dead letters; those that a service has
 * taken and not yet acknowledged are not counted. Queues that do not exist are left out. Declares and changes nothing.
 * Rejects when the broker does not answer.
 */
export async function queueDepths(amqpUrl: string): Promise<readonly QueueDepth[]> {
  const connection = await connect(amqpUrl, { timeout: connectTimeoutMs });
  connection.on("error", () => {});
  try {
    const depths: QueueDepth[] = [];
    for (const queue of serviceNames.flatMap((service) => [`${service}.events`, `${service}.events.dead`])) {
      // The broker closes a channel that asks for a queue which is not there.
      const channel = await connection.createChannel();
      channel.on("error", () => {});
      const found = await channel.checkQueue(queue).catch(() => undefined);
      if (found === undefined) continue;
      depths.push({ queue, messages: found.messageCount });
      await channel.close();
    }
    return depths;
  } finally {
    await connection.close().catch(() => {});
  }
}
