import type { Database } from "@quartet/chassis/storage/database";
import { eq } from "@quartet/chassis/storage/drizzle";
import type { OutgoingEvent } from "@quartet/chassis/storage/messages";
import type { UnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import type { SampleItemStore } from "../app/ports.ts";
import { type SampleItemEvent, sampleItemNotFound } from "../domain/sample-item.ts";
import { createSampleItemRows } from "./sample-item-rows.ts";
import { sampleItems } from "./schema.ts";

/** Creates the store of sample items on SQLite. `toOutgoing` encodes events for the outbox. */
export function createSampleItemStore(options: {
  database: Database;
  unitOfWork: UnitOfWork;
  toOutgoing: (event: SampleItemEvent) => OutgoingEvent;
}): SampleItemStore {
  const { unitOfWork, toOutgoing } = options;
  const { orm } = options.database;
  const load = createSampleItemRows(options.database);

  return {
    create: (request, decide) =>
      unitOfWork.commitRequest(
        request,
        () => {
          const { next, events } = decide();
          orm.insert(sampleItems).values(next).run();
          return { value: next, resource: next.id, events: events.map(toOutgoing) };
        },
        (id) => {
          const sampleItem = load.sampleItem(id);
          if (sampleItem === undefined) throw sampleItemNotFound(id);
          return sampleItem;
        },
      ),

    update: (sampleItemId, decide) =>
      unitOfWork.commit(() => {
        const { next, events } = decide(load.sampleItem(sampleItemId));
        const { id, ...changes } = next;
        orm.update(sampleItems).set(changes).where(eq(sampleItems.id, id)).run();
        return { value: next, events: events.map(toOutgoing) };
      }),

    delete: (sampleItemId, decide) =>
      unitOfWork.commit(() => {
        const { events } = decide(load.sampleItem(sampleItemId));
        orm.delete(sampleItems).where(eq(sampleItems.id, sampleItemId)).run();
        return { value: undefined, events: events.map(toOutgoing) };
      }),
  };
}
