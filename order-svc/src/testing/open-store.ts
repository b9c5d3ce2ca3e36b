import type { Database } from "@quartet/chassis/storage/database";
import { eq } from "@quartet/chassis/storage/drizzle";
import { outbox } from "@quartet/chassis/storage/schema";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import type { DeletedUsers, OrderQueries, OrderStore, ProductReplica } from "../app/ports.ts";
import { toOutgoing } from "../events/publish.ts";
import { migrations } from "../migrations.ts";
import { createDeletedUsers } from "../storage/deleted-users.ts";
import { createOrderQueries } from "../storage/order-queries.ts";
import { createOrderStore } from "../storage/order-store.ts";
import { createProductReplica } from "../storage/product-replica.ts";

/** The stores over a database of the test's own. */
export interface TestStore {
  readonly database: Database;
  readonly orders: OrderStore;
  readonly queries: OrderQueries;
  readonly products: ProductReplica;
  readonly deletedUsers: DeletedUsers;
  /** Full type names of the events in the outbox, in their order. */
  published(): Promise<readonly string[]>;
  /** Marks an event as confirmed by the broker. */
  confirmPublished(eventId: string, time: number): Promise<void>;
  close(): Promise<void>;
}

/** Opens the stores over a migrated database in memory. */
export async function openTestStore(options: {
  now: () => number;
  onChange?: (orderId: string) => void;
}): Promise<TestStore> {
  const database = await openTestDatabase({ migrations: [migrations] });
  const unitOfWork = createUnitOfWork({ database, now: options.now });
  return {
    database,
    orders: createOrderStore({ database, unitOfWork, toOutgoing, onChange: options.onChange }),
    queries: createOrderQueries({ database }),
    products: createProductReplica({ database, unitOfWork }),
    deletedUsers: createDeletedUsers({ database, unitOfWork, now: options.now }),
    async published() {
      const rows = database.orm.select().from(outbox).orderBy(outbox.seq).all();
      return rows.map((row) => row.type);
    },
    async confirmPublished(eventId, time) {
      database.orm.update(outbox).set({ sentTime: time }).where(eq(outbox.eventId, eventId)).run();
    },
    close: () => database.close(),
  };
}
