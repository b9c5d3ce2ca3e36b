import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createEventEncoder } from "@quartet/chassis/events/outgoing-event";
import { toName } from "@quartet/chassis/resource-name";
import type { OutgoingEvent } from "@quartet/chassis/storage/messages";
import { UserCreatedSchema } from "@quartet/proto/shop/user/v1/user_events_pb";
import type { UserEvent } from "../domain/user.ts";

/** Creates the encoder of this service's events. */
export function createToOutgoing(deps: { newId: () => string }): (event: UserEvent) => OutgoingEvent {
  const encode = createEventEncoder(deps);
  return (event) => {
    const user = toName("users", event.userId);
    switch (event.kind) {
      case "created":
        return encode(UserCreatedSchema, user, event.version, {
          user,
          version: BigInt(event.version),
          createTime: timestampFromMs(event.time),
        });
    }
  };
}
