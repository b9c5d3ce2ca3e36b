import { cancelOrderOfDeletedUser } from "../domain/cancel-order.ts";
import type { Moment } from "../domain/order.ts";
import { orderNotFound } from "./cancel-order.ts";
import type { DeletedUsers, OrderStore } from "./ports.ts";

/** Does a batch of what deleted users left open. Resolves with how many orders and users it dealt with: 0 when all is done. */
export type CancelOrdersOfDeletedUsers = () => Promise<number>;

/** Full type name of the event that is the cause of these cancellations. */
export const userDeletedType = "shop.user.v1.UserDeleted";

/** Most orders cancelled, and users finished, in one go. */
const batchMax = 100;

/**
 * Creates the command that cancels the open orders of deleted users. Everything it needs is in the database, each order is
 * cancelled once, and a user is finished when none is open: a process that dies in between leaves the rest to the next.
 */
export function createCancelOrdersOfDeletedUsers(deps: {
  orders: Pick<OrderStore, "update">;
  deletedUsers: Pick<DeletedUsers, "unfinished" | "finish">;
  moment: () => Moment;
}): CancelOrdersOfDeletedUsers {
  const { deletedUsers } = deps;
  return async () => {
    const { orders, userIds } = await deletedUsers.unfinished(batchMax);
    await Promise.all(
      orders.map(({ orderId, eventId }) => {
        const moment = deps.moment();
        return deps.orders.update(orderId, (order) => {
          if (order === undefined) throw orderNotFound(orderId);
          return cancelOrderOfDeletedUser(order, { type: userDeletedType, eventId }, moment);
        });
      }),
    );
    if (userIds.length > 0) await deletedUsers.finish(userIds);
    return orders.length + userIds.length;
  };
}
