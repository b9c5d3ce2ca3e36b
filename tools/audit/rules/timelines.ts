import { type ServiceName, serviceNames } from "../../stack/stack-config.ts";
import type { RowRule } from "./row-rule.ts";

const source = "order-svc";

/** I7: the timeline that a customer sees, and the order in which each service's events go out. */
export const timelineRules: readonly RowRule[] = [
  {
    invariant: "I7",
    source,
    name: "a timeline has no gap and ends where its order is",
    sql: `
      SELECT 'orders/' || o.id AS about,
        'version ' || o.version || ', its timeline has ' || count(e.sequence) || ' entries, '
          || coalesce(min(e.sequence), 0) || ' to ' || coalesce(max(e.sequence), 0) AS what
      FROM orders o LEFT JOIN order_events e ON e.order_id = o.id
      GROUP BY o.id
      HAVING min(e.sequence) IS NOT 1 OR max(e.sequence) IS NOT o.version OR count(e.sequence) <> o.version`,
  },
  {
    invariant: "I7",
    source,
    name: "the last entry of a timeline has the state of its order",
    sql: `
      SELECT 'orders/' || o.id AS about, o.state || ', its timeline ends with ' || e.state AS what
      FROM orders o JOIN order_events e ON e.order_id = o.id AND e.sequence = o.version WHERE e.state <> o.state`,
  },
  {
    invariant: "I7",
    source,
    name: "a timeline never goes back",
    sql: `
      WITH entries AS (
        SELECT order_id, sequence, state, record_time,
          lag(state, 1, 'PENDING') OVER moves AS before_state, lag(record_time) OVER moves AS before_time
        FROM order_events WINDOW moves AS (PARTITION BY order_id ORDER BY sequence)
      )
      SELECT 'orders/' || order_id AS about,
        'entry ' || sequence || ' is ' || state || ' after ' || before_state
          || iif(record_time < before_time, ', and earlier', '') AS what
      FROM entries
      WHERE record_time < before_time OR (sequence = 1 AND state <> 'PENDING')
        OR instr('PENDING AWAITING_PAYMENT CONFIRMED CANCELLED', state)
         < instr('PENDING AWAITING_PAYMENT CONFIRMED CANCELLED', before_state)`,
  },
  ...serviceNames.flatMap(outboxOrder),
];

function outboxOrder(service: ServiceName): readonly RowRule[] {
  return [
    {
      invariant: "I7",
      source: service,
      name: "versions rise from event to event",
      sql: `
        WITH events AS (
          SELECT seq, aggregate, version, type, lag(version) OVER (PARTITION BY aggregate ORDER BY seq) AS before_version
          FROM outbox
        )
        SELECT aggregate AS about, type || ' has version ' || version || ' after ' || before_version AS what
        FROM events WHERE version <= before_version`,
    },
    {
      // One at a time goes out of what is about the same, and the next only when the broker has the one before. Those that
      // go out again, because the queue of a consumer was lost, have been out before.
      invariant: "I7",
      source: service,
      name: "no event goes out before an earlier one about the same",
      sql: `
        SELECT aggregate AS about, 'event ' || max(iif(sent_time IS NULL, 0, seq)) || ' was sent and event '
          || min(iif(sent_time IS NULL AND sent_again = 0, seq, NULL)) || ' before it was not' AS what
        FROM outbox GROUP BY aggregate
        HAVING min(iif(sent_time IS NULL AND sent_again = 0, seq, NULL)) < max(iif(sent_time IS NULL, 0, seq))`,
    },
  ];
}
