import type { Channel } from "amqplib/callback_api";
import { type AmqpSession, ask } from "./amqp-session.ts";

/**
 * Something that has been found out about a queue or an exchange, kept in the broker as safely as that is, and gone when
 * that is gone: a durable exchange to which nothing is ever published, whose only binding leads to what is marked. When
 * the one is deleted, so is the binding; and with its last binding the broker deletes the other.
 */
export interface Mark {
  /** The exchange that is the mark. */
  readonly name: string;
  /** What it marks. */
  readonly of: { readonly queue: string } | { readonly exchange: string };
}

/** Whether the mark is there; false also when what it would mark is not. */
export async function isMarked(session: AmqpSession, mark: Mark): Promise<boolean> {
  try {
    await session.tryOut((channel) => bind(channel, mark));
    return true;
  } catch (error) {
    if (!session.alive || !isNotFound(error)) throw error;
    return false;
  }
}

/** Whether all of them are there; cheaper than one by one, because usually they are. */
export async function areMarked(session: AmqpSession, marks: readonly Mark[]): Promise<boolean> {
  try {
    await session.tryOut(async (channel) => {
      for (const mark of marks) await bind(channel, mark);
    });
    return true;
  } catch (error) {
    if (!session.alive || !isNotFound(error)) throw error;
    return false;
  }
}

/** Sets the mark. Rejects when what it is to mark is gone. */
export async function setMark(session: AmqpSession, mark: Mark): Promise<void> {
  await session.tryOut(async (channel) => {
    const { name } = mark;
    await ask((callback) => channel.assertExchange(name, "fanout", { durable: true, autoDelete: true }, callback));
    await bind(channel, mark);
  });
}

// The binding is there with the mark, so that this changes nothing; and completes what a kill left half done.
function bind(channel: Channel, { name, of }: Mark): Promise<unknown> {
  return ask((callback) => {
    if ("queue" in of) channel.bindQueue(of.queue, name, "", {}, callback);
    else channel.bindExchange(of.exchange, name, "", {}, callback);
  });
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === 404;
}
