import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { OutgoingEvent } from "../storage/messages.ts";

/** Encodes one event about an aggregate, which it makes ready for the outbox under an id of its own. */
export type EventEncoder = <D extends DescMessage>(
  schema: D,
  aggregate: string,
  version: number,
  event: MessageInitShape<D>,
) => OutgoingEvent;

/** Creates the encoder that a service's publish.ts is written with. */
export function createEventEncoder(deps: { newId: () => string }): EventEncoder {
  return (schema, aggregate, version, event) => ({
    id: deps.newId(),
    type: schema.typeName,
    aggregate,
    version,
    payload: toBinary(schema, create(schema, event)),
  });
}
