import type { Database } from "./database.ts";
import { rememberAnew } from "./inbox-claims.ts";
import type { IncomingMessage } from "./messages.ts";

/** Where a message stands: `started` is still the broker's, `waiting` is only here, `parked` waits for a person. */
export type InboxState = "started" | "waiting" | "parked" | "done";

/** What to do with a redelivered message: run it; or acknowledge it, because it was put aside just now or is known already. */
export type Beginning = "begun" | "put aside" | "known";

/** When to try a message next that was started this often and never finished, ms since the epoch. */
export type TryTime = (starts: number) => number;

/** A message to try again. */
export interface DueMessage {
  /** As it was first received, marked as redelivered. */
  readonly message: IncomingMessage;
  /** How often its handler has failed. */
  readonly attempts: number;
}

/** A message that nobody tries any more. */
export interface ParkedMessage extends DueMessage {
  readonly cause: string;
  /** When it first arrived, ms since the epoch. */
  readonly receiveTime: number;
  /** When it was parked, ms since the epoch. */
  readonly parkTime: number;
}

/** Why the handler of a message failed, and whether that says something about the message. */
export interface Failure {
  readonly cause: string;
  readonly counts: boolean;
}

/** What became of messages. The claim of a message that succeeds belongs to the unit of work, not here. */
export interface Inbox {
  /**
   * Records that a redelivered message is about to run, and resolves after the commit: a message that kills the process is
   * found out by that. One that was started before and never finished waits from now on, until `tryTime`.
   */
  begin(message: IncomingMessage, tryTime: TryTime): Promise<Beginning>;
  /**
   * Records that a message of {@link Inbox.due} is about to run, and resolves after the commit with how often it was
   * started without being finished, this time included; undefined when it no longer waits. Should this start not be
   * survived either, it is due again at `tryTime`.
   */
  beginDue(id: string, tryTime: TryTime): Promise<number | undefined>;
  /** How often the handler of a message has failed. */
  attemptsOf(id: string): number;
  /**
   * Takes the message over from the broker after a failure; once this resolves it may be acknowledged. Its attempts grow
   * only when the failure counts.
   */
  retryLater(message: IncomingMessage, failure: Failure, nextAttemptTime: number): Promise<void>;
  /**
   * Gives a message up with its cause, after another failed attempt or without one; once this resolves it may be
   * acknowledged. A finished message stays so.
   */
  park(message: IncomingMessage, cause: string, attempts?: 0 | 1): Promise<void>;
  /**
   * Waiting messages whose time has come, earliest first, and those whose time is more than a minute away: no attempt is put
   * off for as long, so the clock was set back.
   */
  due(now: number, limit: number): readonly DueMessage[];
  /** When the next waiting message is due, ms since the epoch. */
  nextDueTime(): number | undefined;
  /** Parked messages, those parked last first. */
  parkedList(limit?: number): readonly ParkedMessage[];
  /** Where a message stands; undefined when nothing is known of it. */
  stateOf(id: string): InboxState | undefined;
  /** Makes a parked message due with a clean record. False when there is no such parked message. */
  replay(id: string): Promise<boolean>;
  /**
   * Makes messages of these types due that were parked for having {@link noHandlerFor} them: a version that knows them may
   * follow one that does not. Resolves with how many.
   */
  takeUp(types: readonly string[]): Promise<number>;
  /** For metrics. */
  counts(): { readonly waiting: number; readonly parked: number };
  /** Takes over up to `limit` messages started before a time which the broker never delivered again. */
  adoptStarted(beforeTime: number, limit: number): Promise<number>;
  /** Forgets up to `limit` messages done before a time. Resolves with how many. */
  cleanUp(beforeTime: number, limit: number): Promise<number>;
}

interface Row {
  readonly message_id: string;
  readonly type: string;
  readonly aggregate: string;
  readonly version: number;
  readonly payload: Buffer;
  readonly message_time: number;
  readonly traceparent: string | null;
  readonly tracestate: string | null;
  readonly attempts: number;
  readonly last_error: string | null;
  readonly receive_time: number;
  readonly finish_time: number | null;
}

const pauseMaxMs = 60_000;
const parkedListMax = 1_000;
const errorLengthMax = 2_000;

/** The cause of parking a message of a type that this version does not know. */
export const noHandlerFor = (type: string) => `no handler for ${type}`;

/** The inbox in a migrated database. */
export function createInbox(options: { readonly database: Database; readonly now: () => number }): Inbox {
  const { database, now } = options;
  const statements = prepareStatements(database);

  function save(message: IncomingMessage, state: InboxState, outcome: Partial<Outcome>): void {
    const { id, type, aggregate, version, payload, time, traceparent = null, tracestate = null } = message;
    const fields = { id, type, aggregate, version, payload, time, traceparent, tracestate };
    const none: Outcome = { starts: 0, attempts: 0, error: null, nextAttemptTime: null, finishTime: null };
    statements.save.run({ ...fields, ...none, ...outcome, state, receiveTime: now() });
  }

  return {
    begin(message, tryTime) {
      return database.transact(() => {
        const earlier = statements.stateOf.get(message.id);
        if (earlier === undefined) {
          save(message, "started", { starts: 1 });
          return "begun";
        }
        if (earlier.state !== "started") {
          statements.rememberAnew.run(now(), message.id);
          return "known";
        }
        statements.putAside.run(tryTime(earlier.starts), message.id);
        return "put aside";
      });
    },
    beginDue(id, tryTime) {
      return database.transact(() => {
        const earlier = statements.stateOf.get(id);
        if (earlier?.state !== "waiting") return undefined;
        const starts = earlier.starts + 1;
        statements.start.run(starts, tryTime(starts), id);
        return starts;
      });
    },
    attemptsOf: (id) => statements.stateOf.get(id)?.attempts ?? 0,
    async retryLater(message, { cause, counts }, nextAttemptTime) {
      const outcome = { attempts: counts ? 1 : 0, error: cause.slice(0, errorLengthMax), nextAttemptTime };
      await database.transact(() => save(message, "waiting", outcome));
    },
    async park(message, cause, attempts = 0) {
      const error = cause.slice(0, errorLengthMax);
      await database.transact(() => save(message, "parked", { attempts, error, finishTime: now() }));
    },
    due: (time, limit) => statements.due.all(time, time + pauseMaxMs, limit).map(toDueMessage),
    nextDueTime: () => statements.nextDueTime.get() ?? undefined,
    parkedList: (limit = parkedListMax) =>
      statements.parked.all(limit).map((row) => ({
        ...toDueMessage(row),
        cause: row.last_error ?? "",
        receiveTime: row.receive_time,
        parkTime: row.finish_time ?? 0,
      })),
    stateOf: (id) => statements.stateOf.get(id)?.state,
    replay: (id) => database.transact(() => statements.replay.run(now(), id).changes > 0),
    takeUp(types) {
      const causes = JSON.stringify(types.map(noHandlerFor));
      return database.transact(() => statements.takeUp.run(now(), causes).changes);
    },
    counts: () => statements.counts.get() ?? { waiting: 0, parked: 0 },
    adoptStarted: (beforeTime, limit) =>
      database.transact(() => statements.adopt.run(now(), beforeTime, limit).changes),
    cleanUp: (beforeTime, limit) => database.transact(() => statements.cleanUp.run(beforeTime, limit).changes),
  };
}

interface Outcome {
  readonly starts: number;
  readonly attempts: number;
  readonly error: string | null;
  readonly nextAttemptTime: number | null;
  readonly finishTime: number | null;
}

/** Makes parked messages due with a clean record, at a time that is a parameter. */
const revive =
  "UPDATE inbox SET state = 'waiting', next_attempt_time = ?, attempts = 0, starts = 0, finish_time = NULL " +
  "WHERE state = 'parked'";

function prepareStatements({ sqlite }: Database) {
  return {
    stateOf: sqlite.prepare<[string], { state: InboxState; starts: number; attempts: number }>(
      "SELECT state, starts, attempts FROM inbox WHERE message_id = ?",
    ),
    rememberAnew: sqlite.prepare<[number, string]>(rememberAnew),
    putAside: sqlite.prepare<[number, string]>(
      "UPDATE inbox SET state = 'waiting', next_attempt_time = ? WHERE message_id = ?",
    ),
    start: sqlite.prepare<[number, number, string]>(
      "UPDATE inbox SET starts = ?, next_attempt_time = ? WHERE message_id = ?",
    ),
    save: sqlite.prepare(
      "INSERT INTO inbox (message_id, type, aggregate, version, payload, message_time, traceparent, tracestate, state, " +
        "starts, attempts, last_error, next_attempt_time, receive_time, finish_time) VALUES (@id, @type, @aggregate, " +
        "@version, @payload, @time, @traceparent, @tracestate, @state, @starts, @attempts, @error, @nextAttemptTime, " +
        "@receiveTime, @finishTime) ON CONFLICT (message_id) DO UPDATE SET state = excluded.state, " +
        "starts = excluded.starts, attempts = attempts + excluded.attempts, last_error = excluded.last_error, " +
        "next_attempt_time = excluded.next_attempt_time, finish_time = excluded.finish_time " +
        "WHERE state IN ('started', 'waiting')",
    ),
    due: sqlite.prepare<[number, number, number], Row>(
      "SELECT * FROM inbox WHERE state = 'waiting' AND next_attempt_time <= ? UNION ALL " +
        "SELECT * FROM inbox WHERE state = 'waiting' AND next_attempt_time > ? ORDER BY next_attempt_time LIMIT ?",
    ),
    nextDueTime: sqlite
      .prepare<[], number | null>("SELECT min(next_attempt_time) FROM inbox WHERE state = 'waiting'")
      .pluck(),
    parked: sqlite.prepare<[number], Row>(
      "SELECT * FROM inbox WHERE state = 'parked' ORDER BY finish_time DESC LIMIT ?",
    ),
    replay: sqlite.prepare<[number, string]>(`${revive} AND message_id = ?`),
    takeUp: sqlite.prepare<[number, string]>(`${revive} AND last_error IN (SELECT value FROM json_each(?))`),
    counts: sqlite.prepare<[], { waiting: number; parked: number }>(
      "SELECT (SELECT count(*) FROM inbox WHERE state = 'waiting') AS waiting, " +
        "(SELECT count(*) FROM inbox WHERE state = 'parked') AS parked",
    ),
    adopt: sqlite.prepare<[number, number, number]>(
      "UPDATE inbox SET state = 'waiting', next_attempt_time = ? WHERE message_id IN " +
        "(SELECT message_id FROM inbox WHERE state = 'started' AND receive_time < ? LIMIT ?)",
    ),
    cleanUp: sqlite.prepare<[number, number]>(
      "DELETE FROM inbox WHERE message_id IN " +
        "(SELECT message_id FROM inbox WHERE state = 'done' AND finish_time < ? ORDER BY finish_time LIMIT ?)",
    ),
  };
}

function toDueMessage(row: Row): DueMessage {
  const { message_id: id, type, aggregate, version, payload, message_time: time, attempts } = row;
  const trace = { traceparent: row.traceparent ?? undefined, tracestate: row.tracestate ?? undefined };
  return { message: { id, type, aggregate, version, payload, time, ...trace, redelivered: true }, attempts };
}
