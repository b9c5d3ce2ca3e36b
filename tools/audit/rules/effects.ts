import type { RowRule } from "./row-rule.ts";

/**
 * I5 inside each consumer's file: a message that is done has had its effect, once, and no effect is there without its
 * message. Effect and claim of a message are one transaction, so this holds at every read.
 */
export const effectRules: readonly RowRule[] = [
  {
    invariant: "I5",
    source: "order-svc",
    name: "each message about stock and money is in one timeline, once",
    sql: `
      SELECT i.aggregate AS about, 'message ' || i.message_id || ' (' || i.type || ') is done and is in '
        || count(e.event_id) || ' entries of timelines' AS what
      FROM inbox i LEFT JOIN order_events e ON e.event_id = i.message_id
      WHERE i.state = 'done' AND (i.type GLOB 'shop.product.v1.Stock*' OR i.type GLOB 'shop.payment.v1.*')
      GROUP BY i.message_id HAVING count(e.event_id) <> 1`,
  },
  {
    invariant: "I5",
    source: "order-svc",
    name: "each entry of a timeline that a message caused has its message",
    sql: `
      SELECT 'orders/' || e.order_id AS about,
        'entry ' || e.sequence || ' comes from ' || e.cause || ' ' || e.event_id || ', which was never received' AS what,
        e.record_time AS made
      FROM order_events e LEFT JOIN inbox i ON i.message_id = e.event_id AND i.state = 'done'
      WHERE (e.cause GLOB 'shop.product.v1.*' OR e.cause GLOB 'shop.payment.v1.*') AND i.message_id IS NULL`,
  },
  {
    invariant: "I5",
    source: "order-svc",
    name: "each message that an account was deleted is remembered",
    sql: `
      SELECT i.aggregate AS about, 'message ' || i.message_id || ' (' || i.type || ') is done, and nothing is known of it' AS what
      FROM inbox i LEFT JOIN deleted_users d ON d.user_id = substr(i.aggregate, 7)
      WHERE i.state = 'done' AND i.type = 'shop.user.v1.UserDeleted' AND d.user_id IS NULL`,
  },
  {
    invariant: "I5",
    source: "product-svc",
    name: "each message about an order has moved its stock",
    sql: `
      SELECT i.aggregate AS about, i.type || ' is done, and the reservation is ' || coalesce(r.state, 'missing') AS what
      FROM inbox i LEFT JOIN reservations r ON r.order_id = substr(i.aggregate, 8)
      WHERE i.state = 'done' AND CASE i.type
        WHEN 'shop.order.v1.OrderPlaced' THEN r.state IS NULL
        WHEN 'shop.order.v1.OrderConfirmed' THEN coalesce(r.state, '') NOT IN ('SOLD', 'RELEASED')
        WHEN 'shop.order.v1.OrderCancelled' THEN r.state IS NOT 'RELEASED'
        END`,
  },
  {
    invariant: "I5",
    source: "product-svc",
    name: "no stock of an order moves more often than messages came",
    sql: `
      SELECT 'orders/' || r.order_id AS about,
        'its stock moved ' || r.version || ' times for ' || count(i.message_id) || ' messages' AS what,
        r.create_time AS made
      FROM reservations r LEFT JOIN inbox i ON i.aggregate = 'orders/' || r.order_id AND i.state = 'done'
      GROUP BY r.order_id HAVING r.version > count(i.message_id)`,
  },
  {
    invariant: "I5",
    source: "payment-svc",
    name: "each message about an order has reached its payment",
    sql: `
      SELECT i.aggregate AS about, i.type || ' is done, and the payment is '
        || coalesce(p.state || iif(p.is_cancel_requested, ', to be returned', ''), 'missing') AS what
      FROM inbox i LEFT JOIN payments p ON p.id = substr(i.aggregate, 8)
      WHERE i.state = 'done' AND (
        p.id IS NULL OR (
          i.type = 'shop.order.v1.OrderCancelled' AND p.is_cancel_requested = 0 AND p.state IN ('CAPTURING', 'CAPTURED')
        )
      )`,
  },
  {
    invariant: "I5",
    source: "payment-svc",
    name: "no payment is there that no message asked for",
    sql: `
      SELECT 'payments/' || p.id AS about, 'no message asked for it' AS what, p.create_time AS made
      FROM payments p LEFT JOIN inbox i ON i.aggregate = 'orders/' || p.id AND i.state = 'done'
      WHERE i.message_id IS NULL`,
  },
];
