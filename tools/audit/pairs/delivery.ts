import { type ServiceName, serviceNames } from "../../stack/stack-config.ts";
import type { Books, EventRow, MessageRow } from "../books.ts";
import { consumersOf, publisherOf } from "../consumers.ts";
import type { Finding } from "../finding.ts";
import type { PairRule } from "./pair-rule.ts";

/** The events of a service, as its outbox has them. Read after the inboxes that they went to. */
export function eventsOf(books: Books, service: ServiceName): readonly EventRow[] | undefined {
  return books.second(service, "events");
}

/** I10: every message that was handled is an event that its publisher has. */
export const messagesHaveEvents: PairRule = (books, { keptSince }) =>
  serviceNames.flatMap((consumer) => {
    const messages = books.first(consumer, "messages");
    if (messages === undefined) return [];
    return serviceNames.flatMap((publisher) => {
      const events = eventsOf(books, publisher);
      if (events === undefined) return [];
      const eventOf = new Map(events.map((event) => [event.id, event]));
      return messages
        .filter(({ type, eventTime }) => publisherOf(type) === publisher && eventTime >= keptSince)
        .filter((message) => !isSame(message, eventOf.get(message.id)))
        .map((message): Finding => {
          const event = eventOf.get(message.id);
          const is = event ? `${event.type} of ${event.aggregate}, version ${event.version}` : "nothing";
          const what = `${consumer} has handled message ${message.id} (${message.type}, version ${message.version}), which at ${publisher} is ${is}`;
          return { invariant: "I10", services: [consumer, publisher], about: message.aggregate, what };
        });
    });
  });

function isSame(message: MessageRow, event: EventRow | undefined): boolean {
  return message.type === event?.type && message.aggregate === event.aggregate && message.version === event.version;
}

/** I10: every event that was sent has been handled by all who consume it. */
export const eventsAreHandled: PairRule = (books, { keptSince }) =>
  serviceNames.flatMap((consumer) => {
    const messages = books.second(consumer, "messages");
    if (messages === undefined) return [];
    const handled = new Set(messages.map(({ id }) => id));
    return serviceNames.flatMap((publisher) =>
      (eventsOf(books, publisher) ?? [])
        .filter(({ type, createTime, sentTime, id }) => {
          return (
            sentTime !== null && createTime >= keptSince && consumersOf[type]?.includes(consumer) && !handled.has(id)
          );
        })
        .map(({ id, type, aggregate, sentTime }): Finding => {
          const what = `${publisher} has sent ${type} (${id}), and ${consumer} has not handled it`;
          const services = [publisher, consumer] as const;
          return { invariant: "I10", services, about: aggregate, what, sinceTime: sentTime ?? 0 };
        }),
    );
  });
