import { deadQueueOf, type QueueBindings } from "../events/topology.ts";
import type { Logger } from "../log.ts";
import { pause } from "./amqp-link.ts";
import { areMarked, isMarked, type Mark, setMark } from "./amqp-mark.ts";
import { type AmqpSession, ask } from "./amqp-session.ts";
import { assertTopology } from "./amqp-topology.ts";

// The broker writes the list of its quorum queues half a second to a second after a declaration.
const defaultSettleTimeMs = 2_000;
const probeTimeoutMs = 3_000;
/** Longest time that settling may take: the pause, probes, and a removal, which takes the broker 5 s. */
export const settleTimeoutMs = 20_000;

/** What a settling needs. */
export interface SettleOptions {
  readonly exchange: string;
  readonly queues: readonly QueueBindings[];
  readonly log: Logger;
  /** How long a new queue is left alone, two seconds by default. */
  readonly settleTimeMs?: number;
}

/** Says that a queue has outlived its youth. */
export function settledMarkOf(queue: string): Mark {
  return { name: `${queue}.settled`, of: { queue } };
}

/**
 * Sees to it that nothing is entrusted to a queue that would not survive the death of its broker. RabbitMQ killed within
 * about a second of the first declaration of a quorum queue forgets what is in it, and comes back with a queue that has no
 * leader and answers nobody ever again (3.10 and later, rabbitmq-server issue 15725). So a new queue is declared, left
 * alone for a while, and marked when it answers; nobody publishes before. One that does not answer and has no mark was
 * never published to: it is removed, and the error thrown makes the caller begin again. A queue with a mark is never
 * touched, whatever it does: what it holds was confirmed.
 */
export async function settleQueues(session: AmqpSession, options: SettleOptions): Promise<void> {
  const { exchange, queues, settleTimeMs = defaultSettleTimeMs } = options;
  const names = queues.flatMap(({ queue }) => [queue, deadQueueOf(queue)]);
  if (await areMarked(session, names.map(settledMarkOf))) return;

  await session.tryOut((channel) => assertTopology(channel, exchange, queues));
  await pause(settleTimeMs, session.signal);
  for (const name of names) {
    if (!(await isMarked(session, settledMarkOf(name)))) await settle(session, name, options.log);
  }
}

async function settle(session: AmqpSession, queue: string, log: Logger): Promise<void> {
  if (await answers(session, queue)) {
    await setMark(session, settledMarkOf(queue));
    return;
  }
  if (!session.alive) throw new Error("connection lost while new queues settled");
  // Whoever found it slow and not silent has marked it meanwhile, and may have published to it.
  if (!(await isMarked(session, settledMarkOf(queue)))) {
    log.warn({ queue }, "new queue does not answer: removed, to be declared again");
    await session.tryOut((channel) => ask((callback) => channel.deleteQueue(queue, {}, callback)));
  }
  // Not on with this session: the answer that is still missing may be a message, which would be kept from everyone else.
  throw new Error(`new queue ${queue} did not answer within ${probeTimeoutMs} ms`);
}

// A declaration also succeeds on a queue without a leader; to look for a message takes one.
async function answers(session: AmqpSession, queue: string): Promise<boolean> {
  const over = new AbortController();
  const look = session.tryOut(async (channel) => {
    // Closing the channel hands a message back.
    await ask((callback) => channel.get(queue, { noAck: false }, callback));
    return true;
  });
  const limit = pause(probeTimeoutMs, AbortSignal.any([over.signal, session.signal])).then(() => false);
  try {
    return await Promise.race([look.catch(() => false), limit]);
  } finally {
    over.abort();
  }
}
