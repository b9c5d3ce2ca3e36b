import type { Database } from "./database.ts";
import type { IncomingMessage } from "./messages.ts";

/** The part of the inbox that belongs to the transaction of a message's effect. */
export interface InboxClaims {
  /**
   * Records the message as done, to be called first in the transaction of its effect. False when the effect must not
   * happen: it has happened before, which is remembered anew from then on, or the message is parked.
   */
  claim(message: IncomingMessage): boolean;
}

/**
 * Remembers a message that is done for as long as if it had been done at a time. Who sends an event again may do so once
 * more, days after its first time is forgotten. Parameters: that time, ms since the epoch, and the id.
 */
export const rememberAnew =
  "UPDATE inbox SET finish_time = max(finish_time, ?) WHERE message_id = ? AND state = 'done'";

/** Claims in a migrated database. */
export function createInboxClaims(options: { readonly database: Database; readonly now: () => number }): InboxClaims {
  const { sqlite } = options.database;
  const upsert = sqlite.prepare(
    "INSERT INTO inbox (message_id, type, aggregate, version, message_time, traceparent, tracestate, state, starts, " +
      "attempts, receive_time, finish_time) VALUES (?, ?, ?, ?, ?, ?, ?, 'done', 0, 0, ?, ?) " +
      "ON CONFLICT (message_id) DO UPDATE SET state = 'done', payload = NULL, next_attempt_time = NULL, " +
      "finish_time = excluded.finish_time WHERE state IN ('started', 'waiting')",
  );
  const remember = sqlite.prepare<[number, string]>(rememberAnew);
  return {
    claim({ id, type, aggregate, version, time, traceparent, tracestate }) {
      const now = options.now();
      const trace = [traceparent ?? null, tracestate ?? null] as const;
      if (upsert.run(id, type, aggregate, version, time, ...trace, now, now).changes > 0) return true;
      remember.run(now, id);
      return false;
    },
  };
}
