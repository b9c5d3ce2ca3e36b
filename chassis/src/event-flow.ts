import type { Broker } from "./broker/broker.ts";
import { type Consumer, createConsumer } from "./broker/consumer.ts";
import { createGapFiller } from "./broker/gap-filler.ts";
import type { MessageHandler } from "./broker/on-event.ts";
import { createRelay, type Relay } from "./broker/relay.ts";
import type { EventCatalog } from "./events/catalog.ts";
import type { ServiceCore } from "./service-core.ts";
import { createCleanUp } from "./storage/clean-up.ts";
import { createInbox } from "./storage/inbox.ts";
import type { LeaderLock } from "./storage/leader-lock.ts";
import { createOutbox } from "./storage/outbox.ts";
import { createWorkerGroup, type Worker } from "./worker.ts";

/** What moves a service besides calls: events in and out, and what the leader does by itself. */
export interface EventFlow {
  readonly consumer: Consumer;
  readonly relay: Relay;
  /** The workers of the service, the clean-up and the gap filler, in the process that leads. */
  readonly leading: Worker;
}

/** Puts relay, consumer and workers of a service together on its database. Nothing runs before each is started. */
export function createEventFlow(
  core: ServiceCore,
  parts: {
    readonly broker: Broker;
    readonly leader: Pick<LeaderLock, "isLeader" | "onChange">;
    readonly catalog: EventCatalog;
    readonly handlers: Iterable<readonly [type: string, handler: MessageHandler]>;
    readonly workers?: readonly Worker[];
    /** See ServiceParts. */
    readonly keepsClaims?: boolean;
  },
): EventFlow {
  const { name: service, database, contact, log, metrics, now } = core;
  const { broker, leader, catalog, handlers, workers = [], keepsClaims } = parts;
  contact.follow(broker);
  const outbox = createOutbox({ database });
  const inbox = createInbox({ database, now });
  const onError = (error: unknown) => log.error({ err: error }, "cannot clean up");
  const cleanUp = createCleanUp({ database, outbox, inbox, now, onError, keepsClaims });
  const gapFiller = createGapFiller({ broker, outbox, log, metrics, now });
  return {
    relay: createRelay({ outbox, broker, leader, database, log, metrics, now }),
    consumer: createConsumer({ service, broker, inbox, catalog, handlers, leader, log, metrics, now }),
    leading: createWorkerGroup({ leader, workers: [...workers, cleanUp, gapFiller] }),
  };
}
