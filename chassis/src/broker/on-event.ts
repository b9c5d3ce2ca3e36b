import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import type { IncomingMessage } from "../storage/messages.ts";

/** Does what a message asks for. Resolves after the commit, with "duplicate" when it had been done before. */
export type MessageHandler = (message: IncomingMessage) => Promise<unknown>;

/** The payload is not the protobuf message its type names: trying again would not help. */
export class UndecodableEventError extends Error {
  constructor(type: string, cause: unknown) {
    super(`payload is not a ${type}`, { cause });
    this.name = "UndecodableEventError";
  }
}

/**
 * Names the handler of an event, for createConsumer. The handler gets the decoded event and the message it came in,
 * whose id it claims in the transaction of its effect (UnitOfWork.commitMessage).
 */
export function onEvent<D extends DescMessage>(
  schema: D,
  handle: (event: MessageShape<D>, message: IncomingMessage) => Promise<unknown>,
): readonly [type: string, handler: MessageHandler] {
  return [schema.typeName, async (message) => handle(decode(schema, message), message)];
}

function decode<D extends DescMessage>(schema: D, message: IncomingMessage): MessageShape<D> {
  try {
    return fromBinary(schema, message.payload);
  } catch (error) {
    throw new UndecodableEventError(schema.typeName, error);
  }
}
