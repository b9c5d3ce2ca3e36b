import { randomUUID } from "node:crypto";
import { type ChannelModel, connect } from "amqplib";

/** What a relay has under way at once. */
const windowMax = 128;
/** An event of an order with its headers takes about as much. */
const payload = Buffer.alloc(300, 1);

/**
 * How many messages a second a broker confirms to a publisher that does nothing else: persistent, into a quorum queue like
 * those of the shop, of which nobody reads. What a relay can reach at most.
 */
export async function confirmedPerSecond(url: string, count: number): Promise<number> {
  const connection = await connect(url, { noDelay: true });
  try {
    return await publishAll(connection, count);
  } finally {
    await connection.close();
  }
}

async function publishAll(connection: ChannelModel, count: number): Promise<number> {
  const channel = await connection.createConfirmChannel();
  const queue = `raw-${randomUUID()}`;
  await channel.assertQueue(queue, { durable: true, arguments: { "x-queue-type": "quorum" } });
  let left = count;
  const publish = () =>
    new Promise<void>((resolve, reject) => {
      const properties = { persistent: true, messageId: randomUUID(), mandatory: true };
      channel.sendToQueue(queue, payload, properties, (error) => (error ? reject(error) : resolve()));
    });
  const work = async () => {
    while (left-- > 0) await publish();
  };
  const startTime = performance.now();
  await Promise.all(Array.from({ length: windowMax }, work));
  const seconds = (performance.now() - startTime) / 1000;
  await channel.deleteQueue(queue);
  return count / seconds;
}
