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
      ),
      -- Both sides in one row by grouping: to join them fully, SQLite would compare each with each.
      pairs AS (
        SELECT id, max(state) AS state, max(refunds) AS refunds, max(version) AS version, max(create_time) AS create_time,
          max(captured) AS captured, max(declined) AS declined, max(voided) AS voided, max(refunded) AS refunded,
          max(said_version) AS said_version
        FROM (
          SELECT id, state, refunds, version, create_time, 0 AS captured, 0 AS declined, 0 AS voided, 0 AS refunded,
            NULL AS said_version FROM done
          UNION ALL SELECT id, NULL, 0, NULL, NULL, captured, declined, voided, refunded, version FROM said
        ) GROUP BY id
      )
      SELECT 'payments/' || id AS about,
        coalesce(state || ' with ' || refunds || ' refunds', 'missing') || ', its events say ' || captured
          || ' times captured, ' || declined || ' declined, ' || voided || ' voided, ' || refunded || ' refunded' AS what,
        -- Only what is said too little may have been said long ago.
        iif(captured > (state = 'CAPTURED') OR declined > (state = 'DECLINED') OR voided > (state = 'VOIDED')
          OR refunded > refunds OR said_version > version, NULL, create_time) AS made
      FROM pairs
      WHERE state IS NULL OR captured <> (state = 'CAPTURED') OR declined <> (state = 'DECLINED')
        OR voided <> (state = 'VOIDED') OR refunded <> refunds OR said_version > version`,
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
      states AS (${states}),
      -- Both sides in one row by grouping: to join them fully, SQLite would compare each with each.
      pairs AS (
        SELECT id, max(version) AS version, max(create_time) AS create_time, max(update_time) AS update_time,
          max(last) AS last, max(events) AS events, max(first) AS first, max(said_version) AS said_version,
          max(said_last) AS said_last
        FROM (
          SELECT id, version, create_time, update_time, last, NULL AS events, NULL AS first, NULL AS said_version,
            NULL AS said_last FROM states
          UNION ALL SELECT id, NULL, NULL, NULL, NULL, events, first, version, last FROM said
        ) GROUP BY id
      )
      SELECT '${about}' || id AS about,
        'version ' || coalesce(version, 0) || coalesce(' by ' || last, '') || ' here, and '
          || coalesce(events || ' events, of versions ' || first || ' to ' || said_version || ', the last ' || said_last,
            'no event') AS what,
        CASE WHEN version IS NULL OR said_version > version OR events <> said_version - first + 1 THEN NULL
          WHEN said_version = version AND first = 1 THEN NULL
          WHEN said_version = version THEN create_time ELSE update_time END AS made
      FROM pairs
      WHERE version IS NULL OR said_version IS NOT version OR first <> 1 OR events <> said_version - first + 1
        OR (last IS NOT NULL AND said_last NOT IN (last, '${otherLast}'))`,
  };
}
