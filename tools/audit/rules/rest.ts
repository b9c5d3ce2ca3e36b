import { serviceNames } from "../../stack/stack-config.ts";
import type { RowRule } from "./row-rule.ts";

/** I6, and I1 as far as a service alone can tell: nothing waits in its file. */
export const restRules: readonly RowRule[] = [
  ...serviceNames.flatMap((source): RowRule[] => [
    {
      invariant: "I6",
      source,
      name: "every event was sent",
      atRest: true,
      sql: `
        SELECT aggregate AS about, type || ' was not sent' AS what, create_time AS since
        FROM outbox WHERE sent_time IS NULL`,
    },
    {
      invariant: "I6",
      source,
      name: "every message received is done",
      atRest: true,
      sql: `
        SELECT aggregate AS about,
          type || ' is ' || state || ' after ' || attempts || ' failures' || coalesce(': ' || last_error, '') AS what,
          receive_time AS since
        FROM inbox WHERE state IN ('started', 'waiting')`,
    },
    {
      invariant: "I6",
      source,
      name: "no message is parked",
      atRest: true,
      sql: `
        SELECT iif(aggregate = '', 'message ' || message_id, aggregate) AS about,
          'message ' || message_id || ' (' || type || ') is parked: ' || coalesce(last_error, '') AS what,
          message_id AS message
        FROM inbox WHERE state = 'parked'`,
    },
  ]),
  {
    invariant: "I1",
    source: "order-svc",
    name: "the open orders of deleted users were cancelled",
    atRest: true,
    sql: `
      SELECT 'users/' || user_id AS about, 'the account was deleted, and its open orders are not yet cancelled' AS what,
        record_time AS since
      FROM deleted_users WHERE finish_time IS NULL`,
  },
];
