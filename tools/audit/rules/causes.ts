import type { RowRule } from "./row-rule.ts";

/**
 * I10 inside each publisher's file: whatever changed has its event in the outbox, and each event there has what it says.
 * Both are one transaction, so this holds at every read. Events that were sent long ago are removed, oldest first.
 */
export const causeRules: readonly RowRule[] = [
  {
    invariant: "I10",
    source: "order-svc",
    name: "each move of an order has its event",
    sql: `
      WITH moves AS (
        SELECT order_id, sequence, state, record_time, lag(state) OVER (PARTITION BY order_id ORDER BY sequence) AS before
        FROM order_events
      )
      SELECT 'orders/' || m.order_id AS about,
        'it became ' || m.state || ' as version ' || m.sequence || ', and its event is '
          || coalesce(x.type, 'missing') AS what,
        iif(x.type IS NULL, m.record_time, NULL) AS made
      FROM moves m LEFT JOIN outbox x ON x.aggregate = 'orders/' || m.order_id AND x.version = m.sequence
      WHERE m.state IS NOT m.before AND x.type IS NOT ${eventOf("m.state")}`,
  },
  {
    invariant: "I10",
    source: "order-svc",
    name: "each event of an order has its move",
    sql: `
      WITH moves AS (
        SELECT order_id, sequence, state, cause, event_id,
          lag(state) OVER (PARTITION BY order_id ORDER BY sequence) AS before
        FROM order_events
      )
      SELECT x.aggregate AS about, 'event ' || x.event_id || ' (' || x.type || ', version ' || x.version || ') of which its '
        || 'timeline knows nothing' AS what
      FROM outbox x LEFT JOIN moves m ON m.order_id = substr(x.aggregate, 8) AND m.sequence = x.version
      WHERE m.state IS m.before OR x.type IS NOT ${eventOf("m.state")}
        OR (m.cause = x.type AND m.event_id <> x.event_id)`,
  },
  {
    invariant: "I10",
    source: "order-svc",
    name: "an open order waits for the answer to an event that is there",
    sql: `
      SELECT 'orders/' || o.id AS about, 'it waits for the answer to event ' || o.step_event_id || ', which is missing' AS what,
        o.step_time AS made
      FROM orders o LEFT JOIN outbox x ON x.event_id = o.step_event_id AND x.aggregate = 'orders/' || o.id
      WHERE o.step_event_id IS NOT NULL AND x.event_id IS NULL`,
  },
  versionsHaveEvents({
    source: "product-svc",
    name: "each move of an order's stock has its event",
    collection: "reservations/",
    about: "orders/",
    states: `SELECT order_id AS id, version, create_time, update_time, CASE state WHEN 'HELD' THEN 'StockReserved'
      WHEN 'REJECTED' THEN 'StockRejected' WHEN 'SOLD' THEN 'StockSold' ELSE 'StockReleased' END AS last FROM reservations`,
  }),
  versionsHaveEvents({
    source: "product-svc",
    name: "each version of a product has its event",
    collection: "products/",
    about: "products/",
    states: `SELECT id, version, create_time, update_time, CASE WHEN state = 'ARCHIVED' THEN 'ProductArchived' END AS last
      FROM products`,
    // An archived product can still be thrown out: then it was updated last.
    otherLast: "ProductUpdated",
  }),
  versionsHaveEvents({
    source: "user-svc",
    name: "each version of an account has its event",
    collection: "users/",
    about: "users/",
    // When a deleted account was made is forgotten with it.
    states: `SELECT id, version, create_time, update_time, NULL AS last FROM users
      UNION ALL SELECT id, version, 0, delete_time, 'UserDeleted' FROM deleted_users`,
  }),
  {
    invariant: "I10",
    source: "user-svc",
    name: "a session that was revoked is gone",
    sql: `
      SELECT x.aggregate AS about, 'it was said to be revoked, and it goes on' AS what
      FROM outbox x JOIN sessions s ON s.id = substr(x.aggregate, 10)
      WHERE x.type = 'shop.user.v1.SessionRevoked' AND x.aggregate GLOB 'sessions/*'`,
  },
  {
    invariant: "I10",
    source: "payment-svc",
    name: "each end of a payment and each refund has its event",
    sql: `
      WITH said AS (
        SELECT substr(aggregate, 10) AS id,
          sum(type = 'shop.payment.v1.PaymentCaptured') AS captured, sum(type = 'shop.payment.v1.PaymentDeclined') AS declined,
          sum(type = 'shop.payment.v1.PaymentVoided') AS voided, sum(type = 'shop.payment.v1.PaymentRefunded') AS refunded,
          max(version) AS version
        FROM outbox WHERE aggregate GLOB 'payments/*' GROUP BY aggregate
      ),
      done AS (
        SELECT p.id, p.state, p.version, p.create_time, count(r.id) AS refunds
        FROM payments p LEFT JOIN refunds r ON r.payment_id = p.id AND r.state = 'DONE' GROUP BY p.id
      )
      SELECT 'payments/' || coalesce(d.id, s.id) AS about,
        coalesce(d.state || ' with ' || d.refunds || ' refunds', 'missing') || ', its events say ' || coalesce(s.captured, 0)
          || ' times captured, ' || coalesce(s.declined, 0) || ' declined, ' || coalesce(s.voided, 0) || ' voided, '
          || coalesce(s.refunded, 0) || ' refunded' AS what,
        -- Only what is said too little may have been said long ago.
        iif(coalesce(s.captured, 0) > (d.state = 'CAPTURED') OR coalesce(s.declined, 0) > (d.state = 'DECLINED')
          OR coalesce(s.voided, 0) > (d.state = 'VOIDED') OR coalesce(s.refunded, 0) > d.refunds OR s.version > d.version,
          NULL, d.create_time) AS made
      FROM done d FULL JOIN said s ON s.id = d.id
      WHERE d.id IS NULL OR coalesce(s.captured, 0) <> (d.state = 'CAPTURED')
        OR coalesce(s.declined, 0) <> (d.state = 'DECLINED') OR coalesce(s.voided, 0) <> (d.state = 'VOIDED')
        OR coalesce(s.refunded, 0) <> d.refunds OR s.version > d.version`,
  },
];

function eventOf(state: string): string {
  return `CASE ${state} WHEN 'PENDING' THEN 'shop.order.v1.OrderPlaced'
        WHEN 'AWAITING_PAYMENT' THEN 'shop.order.v1.OrderReadyForPayment'
        WHEN 'CONFIRMED' THEN 'shop.order.v1.OrderConfirmed' WHEN 'CANCELLED' THEN 'shop.order.v1.OrderCancelled' END`;
}

/**
 * The rule for aggregates each version of which is an event: `states` says in which version each is, since when, and by
 * the name of which event it got there (null: several are possible).
 */
function versionsHaveEvents(options: {
  source: "product-svc" | "user-svc";
  name: string;
  collection: string;
  about: string;
  states: string;
  otherLast?: string;
}): RowRule {
  const { source, name, collection, about, states, otherLast = "" } = options;
  return {
    invariant: "I10",
    source,
    name,
    sql: `
      WITH said AS (
        SELECT substr(aggregate, ${collection.length + 1}) AS id, count(*) AS events, min(version) AS first,
          max(version) AS version, substr(max(format('%012d %s', version, substr(type, instr(type, '.v1.') + 4))), 14) AS last
        FROM outbox WHERE aggregate GLOB '${collection}*' GROUP BY aggregate
      ),
      states AS (${states})
      SELECT '${about}' || coalesce(d.id, s.id) AS about,
        'version ' || coalesce(d.version, 0) || coalesce(' by ' || d.last, '') || ' here, and '
          || coalesce(s.events || ' events, of versions ' || s.first || ' to ' || s.version || ', the last ' || s.last,
            'no event') AS what,
        CASE WHEN d.id IS NULL OR s.version > d.version OR s.events <> s.version - s.first + 1 THEN NULL
          WHEN s.version = d.version AND s.first = 1 THEN NULL
          WHEN s.version = d.version THEN d.create_time ELSE d.update_time END AS made
      FROM states d FULL JOIN said s ON s.id = d.id
      WHERE d.id IS NULL OR s.version IS NOT d.version OR s.first <> 1 OR s.events <> s.version - s.first + 1
        OR (d.last IS NOT NULL AND s.last NOT IN (d.last, '${otherLast}'))`,
  };
}
