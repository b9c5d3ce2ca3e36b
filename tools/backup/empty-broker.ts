import { connect } from "amqplib";
import { serviceNames } from "../stack/stack-config.ts";

/**
 * Removes all messages from the queues of the services, also dead letters. Rejects when the broker does not answer, or has a
 * queue that it does not let empty.
 */
export async function emptyQueues(amqpUrl: string): Promise<void> {
  const connection = await connect(amqpUrl);
  connection.on("error", () => {});
  try {
    for (const queue of serviceNames.flatMap((service) => [`${service}.events`, `${service}.events.dead`])) {
      // The broker closes a channel that asks for a queue which is not there.
      const channel = await connection.createChannel();
      channel.on("error", () => {});
      const isThere = await channel.checkQueue(queue).then(
        () => true,
        (error: Error) => {
          // A queue that is there and cannot be reached is "not found" too.
          if (/NOT_FOUND - no queue/.test(error.message)) return false;
          throw error;
        },
      );
      if (!isThere) continue;
      await channel.purgeQueue(queue);
      await channel.close();
    }
  } finally {
    await connection.close().catch(() => {});
  }
}
