import type { Channel } from "amqplib/callback_api";
import { deadQueueOf, type QueueBindings } from "../events/topology.ts";
import type { Logger } from "../log.ts";
import { pause } from "./amqp-link.ts";
import { type AmqpSession, ask } from "./amqp-session.ts";
import { assertTopology } from "./amqp-topology.ts";

// The broker writes the list of its quorum queues half a second to a second after a declaration.
const defaultSettleTimeMs = 2_000;
const probeTimeoutMs = 2_000;
/** Longest time that settling may take: the pause, a probe, and a removal, which takes the broker 5 s. */
export const settleTimeoutMs = 15_000;

/** Says that a queue of the topology has outlived its youth: an exchange without bindings, kept as safely as the queue. */
export function settledMarkOf(queue: string): string {
  return `${queue}.settled`;
}

/**
 * Sees to it that nothing is entrusted to a queue that would not survive the death of its broker. RabbitMQ killed within
 * about a second of the first declaration of a quorum queue forgets what is in it, and comes back with a queue that has no
 * leader and answers nobody ever again (3.10 and later, rabbitmq-server issue 15725). So a new queue is declared, left
 * alone for a while, and marked when it answers; nobody publishes before. One that does not answer and has no mark was
 * never published to: it is removed, and the error thrown makes the caller begin again. A queue with a mark is never
 * touched, whatever it does: what it holds was confirmed.
 */
export async function settleQueues(
  session: AmqpSession,
  options: { exchange: string; queues: readonly QueueBindings[]; log: Logger; settleTimeMs?: number },
): Promise<void> {
  const { exchange, queues, log, settleTimeMs = defaultSettleTimeMs } = options;
  const names = queues.flatMap(({ queue }) => [queue, deadQueueOf(queue)]);
  const unsettled: string[] = [];
  for (const name of names) {
    if (!(await isSettled(session, name))) unsettled.push(name);
  }
  if (unsettled.length === 0) return;

  await session.tryOut((channel) => assertTopology(channel, exchange, queues));
  await pause(settleTimeMs, session.signal);
  for (const name of unsettled) {
    if (await answers(session, name)) continue;
    if (!session.alive) throw new Error("connection lost while new queues settled");
    log.warn({ queue: name }, "new queue does not answer: removed, to be declared again");
    await session.tryOut((channel) => ask((callback) => channel.deleteQueue(name, {}, callback)));
    throw new Error(`new queue ${name} did not answer`);
  }
  await session.tryOut(async (channel) => {
    for (const name of unsettled) await mark(channel, name);
  });
}

async function isSettled(session: AmqpSession, queue: string): Promise<boolean> {
  try {
    await session.tryOut((channel) => ask((callback) => channel.checkExchange(settledMarkOf(queue), callback)));
    return true;
  } catch (error) {
    if (!session.alive || !isNotFound(error)) throw error;
    return false;
  }
}

// A declaration also succeeds on a queue without a leader; to look for a message takes one.
async function answers(session: AmqpSession, queue: string): Promise<boolean> {
  const over = new AbortController();
  const look = session.tryOut(async (channel) => {
    const message = await ask((callback) => channel.get(queue, { noAck: false }, callback));
    // Closing the channel hands a message back.
    return message !== undefined;
  });
  const limit = pause(probeTimeoutMs, AbortSignal.any([over.signal, session.signal])).then(() => false);
  try {
    return await Promise.race([look.catch(() => false), limit]);
  } finally {
    over.abort();
  }
}

function mark(channel: Channel, queue: string): Promise<unknown> {
  return ask((callback) => channel.assertExchange(settledMarkOf(queue), "fanout", { durable: true }, callback));
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === 404;
}
