import type { Contact } from "@quartet/chassis/broker/contact";
import { expireOrder } from "../domain/cancel-order.ts";
import type { Moment } from "../domain/order.ts";
import { orderNotFound } from "./cancel-order.ts";
import type { OrderStore } from "./ports.ts";

/** Cancels a batch of overdue orders. Resolves with how many it looked at: 0 when none is overdue. */
export type ExpireOrders = () => Promise<number>;

/** Most orders cancelled in one go. */
const expireBatchMax = 100;

/** What was sent this far in the future was not: the clock has been set back since. Small corrections say nothing. */
const aheadMinMs = 60_000;

/**
 * Creates the command that cancels the orders whose step took longer than `stepDeadlineMs` since its event was published, and
 * since this process could hear of its end: whoever answered in time while nothing was carried, or nobody listened, is not
 * late. So a deadline begins anew with the contact, and as long as there is none nothing is even looked for. The contact also
 * begins anew when the clock is set back; what that clock puts far into the future is overdue with it.
 */
export function createExpireOrders(deps: {
  orders: Pick<OrderStore, "overdue" | "update">;
  contact: Pick<Contact, "since">;
  moment: () => Moment;
  now: () => number;
  stepDeadlineMs: number;
}): ExpireOrders {
  const { orders, contact } = deps;
  return async () => {
    const now = deps.now();
    const sent = { before: now - deps.stepDeadlineMs, after: now + Math.max(aheadMinMs, deps.stepDeadlineMs) };
    const contactSince = contact.since();
    if (contactSince === undefined || contactSince > sent.before) return 0;
    const overdue = await orders.overdue(sent, expireBatchMax);
    await Promise.all(
      overdue.map(({ orderId, stepEventId }) => {
        const moment = deps.moment();
        return orders.update(orderId, (order) => {
          if (order === undefined) throw orderNotFound(orderId);
          return expireOrder(order, stepEventId, moment);
        });
      }),
    );
    return overdue.length;
  };
}
