import type { Database } from "@quartet/chassis/storage/database";
import { and, asc, eq, inArray, isNull, notExists, sql } from "@quartet/chassis/storage/drizzle";
import type { UnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import type { DeletedUsers } from "../app/ports.ts";
import { deletedUsers, orders } from "./schema.ts";

/** Creates the record of deleted users on SQLite. */
export function createDeletedUsers(options: {
  database: Database;
  unitOfWork: UnitOfWork;
  now: () => number;
}): DeletedUsers {
  const { unitOfWork, now } = options;
  const { orm } = options.database;

  const isOpen = inArray(orders.state, ["PENDING", "AWAITING_PAYMENT"]);
  const isUnfinished = isNull(deletedUsers.finishTime);
  const openOrders = orm
    .select({ orderId: orders.id, eventId: deletedUsers.eventId })
    .from(deletedUsers)
    // SQLite takes a cross join in the order it is written: from the few unfinished users, not from all open orders.
    .crossJoin(orders)
    .where(and(isUnfinished, eq(orders.userId, deletedUsers.userId), isOpen))
    .limit(sql.placeholder("limit"))
    .prepare();
  const withoutOpenOrders = orm
    .select({ userId: deletedUsers.userId })
    .from(deletedUsers)
    .where(
      and(
        isUnfinished,
        notExists(
          orm
            .select({ id: orders.id })
            .from(orders)
            .where(and(eq(orders.userId, deletedUsers.userId), isOpen)),
        ),
      ),
    )
    .orderBy(asc(deletedUsers.userId))
    .limit(sql.placeholder("limit"))
    .prepare();

  return {
    record: (userId, message) =>
      unitOfWork.commitMessage(message, () => {
        const row = { userId, eventId: message.id, recordTime: now() };
        orm.insert(deletedUsers).values(row).onConflictDoNothing().run();
        return { value: undefined };
      }),

    unfinished: async (limit) => ({
      orders: openOrders.all({ limit }),
      userIds: withoutOpenOrders.all({ limit }).map(({ userId }) => userId),
    }),

    async finish(userIds) {
      await unitOfWork.commit(() => {
        const finishTime = now();
        orm
          .update(deletedUsers)
          .set({ finishTime })
          .where(and(inArray(deletedUsers.userId, [...userIds]), isUnfinished))
          .run();
        return { value: undefined };
      });
    },
  };
}
