import { requestIdReused } from "@quartet/chassis/domain-error";
import type { Database } from "@quartet/chassis/storage/database";
import { type AnySQLiteColumn, and, eq, gt, isNull, lte, or, type SQL, sql } from "@quartet/chassis/storage/drizzle";
import type { OutgoingEvent } from "@quartet/chassis/storage/messages";
import { outbox } from "@quartet/chassis/storage/schema";
import type { RequestClaim, UnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import type { OrderStore } from "../app/ports.ts";
import type { Order, OrderEvent, Transition } from "../domain/order.ts";
import { createOrderRows } from "./order-rows.ts";
import { createOrderWriter } from "./order-writer.ts";
import { deletedUsers, orderEvents, orders } from "./schema.ts";

/**
 * Creates the store of orders on SQLite. `toOutgoing` encodes events for the outbox; `onChange` is called after the commit
 * of whatever may have changed an order.
 */
export function createOrderStore(options: {
  database: Database;
  unitOfWork: UnitOfWork;
  toOutgoing: (event: OrderEvent) => OutgoingEvent;
  onChange?: (orderId: string) => void;
}): OrderStore {
  const { unitOfWork, toOutgoing, onChange = () => {} } = options;
  const { orm } = options.database;
  const load = createOrderRows(options.database);
  const write = createOrderWriter(options.database);

  const placedBy = orm
    .select({ id: orders.id, requestHash: orders.requestHash })
    .from(orders)
    .where(and(eq(orders.userId, sql.placeholder("userId")), eq(orders.requestId, sql.placeholder("requestId"))))
    .prepare();
  const deletedUser = orm
    .select({ userId: deletedUsers.userId })
    .from(deletedUsers)
    .where(eq(deletedUsers.userId, sql.placeholder("userId")))
    .prepare();
  const entryOf = orm
    .select({ sequence: orderEvents.sequence })
    .from(orderEvents)
    .where(
      and(eq(orderEvents.orderId, sql.placeholder("orderId")), eq(orderEvents.eventId, sql.placeholder("eventId"))),
    )
    .prepare();
  const isBefore = (time: AnySQLiteColumn) => lte(time, sql.placeholder("before"));
  const isAfter = (time: AnySQLiteColumn) => gt(time, sql.placeholder("after"));
  const overdueSteps = (isLongAgo: SQL) =>
    orm
      .select({ orderId: orders.id, stepEventId: sql<string>`${orders.stepEventId}` })
      .from(orders)
      .leftJoin(outbox, eq(outbox.eventId, orders.stepEventId))
      .where(
        and(
          // No event is confirmed before it is emitted: this only keeps young orders from being looked at.
          isLongAgo,
          // An event that is no longer in the outbox was confirmed long ago: a service that was away for longer than sent
          // events are kept must not forget its deadlines.
          or(isNull(outbox.eventId), isBefore(outbox.sentTime), isAfter(outbox.sentTime)),
        ),
      )
      .orderBy(orders.stepTime)
      .limit(sql.placeholder("limit"))
      .prepare();
  // Each a range of the index: in one query with OR, all open orders would be looked at.
  const overdue = [overdueSteps(isBefore(orders.stepTime)), overdueSteps(isAfter(orders.stepTime))];

  const requireOrder = (id: string): Order => {
    const order = load.order(id);
    if (order === undefined) throw new Error(`orders/${id} was saved and is gone`);
    return order;
  };

  const findPlaced = (userId: string, request: RequestClaim): Order | undefined => {
    const placed = placedBy.get({ userId, requestId: request.requestId });
    if (placed === undefined) return undefined;
    if (placed.requestHash !== request.hash) throw requestIdReused(request.requestId);
    return requireOrder(placed.id);
  };

  const change = (before: Order | undefined, transition: Transition) => {
    const { next, events, entry } = transition;
    if (entry !== undefined) write.change(next, entry);
    else if (next !== before) throw new Error(`a change of orders/${next.id} needs an entry in its timeline`);
    return { value: next, events: events.map(toOutgoing) };
  };

  return {
    place: (userId, request, decide) =>
      unitOfWork.commitRequest(
        request,
        () => {
          const placed = request && findPlaced(userId, request);
          if (placed !== undefined) return { value: placed, resource: placed.id };
          const { next, events, entry } = decide(deletedUser.get({ userId }) !== undefined);
          if (entry === undefined) throw new Error("a new order needs the first entry of its timeline");
          write.create(next, entry, request);
          return { value: next, resource: next.id, events: events.map(toOutgoing) };
        },
        requireOrder,
      ),

    findPlaced: async (userId, request) => findPlaced(userId, request),

    async update(orderId, decide) {
      const changed = await unitOfWork.commit(() => {
        const order = load.order(orderId);
        return change(order, decide(order));
      });
      onChange(orderId);
      return changed;
    },

    async record(orderId, message, decide) {
      const result = await unitOfWork.commitMessage(message, () => {
        // The inbox forgets after a while, the timeline does not.
        if (entryOf.get({ orderId, eventId: message.id }) !== undefined) return { value: undefined };
        const order = load.order(orderId);
        return change(order, decide(order));
      });
      onChange(orderId);
      return result;
    },

    overdue: async (sent, limit) => overdue.flatMap((query) => query.all({ ...sent, limit })).slice(0, limit),
  };
}
