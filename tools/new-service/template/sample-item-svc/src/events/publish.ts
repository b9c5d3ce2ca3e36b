import { createEventEncoder } from "@quartet/chassis/events/outgoing-event";
import type { OutgoingEvent } from "@quartet/chassis/storage/messages";
import { SampleItemCreatedSchema } from "@quartet/proto/shop/sample_item/v1/sample_item_events_pb";
import type { SampleItemEvent } from "../domain/sample-item.ts";
import { toSampleItemMessage } from "../rpc/sample-item-message.ts";

/** Creates the encoder of this service's events. */
export function createToOutgoing(deps: { newId: () => string }): (event: SampleItemEvent) => OutgoingEvent {
  const encode = createEventEncoder(deps);
  return (event) => {
    switch (event.kind) {
      case "created": {
        const sampleItem = toSampleItemMessage(event.sampleItem);
        return encode(SampleItemCreatedSchema, sampleItem.name, event.sampleItem.version, { sampleItem });
      }
    }
  };
}
