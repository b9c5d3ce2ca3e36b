import { requestIdReused } from "../domain-error.ts";
import { failPoint } from "../fail-point.ts";
import { formatTraceparent } from "../trace.ts";
import { currentContext } from "../work-context.ts";
import type { Database } from "./database.ts";
import { createInboxClaims } from "./inbox-claims.ts";
import type { IncomingMessage, OutgoingEvent } from "./messages.ts";
import { createOutbox, type EventTrace } from "./outbox.ts";

/** What a work leaves behind: its result, and the events it makes true. */
export interface Work<T> {
  readonly value: T;
  readonly events?: readonly OutgoingEvent[];
}

/** Who asked for what, so that the same request is carried out once. */
export interface RequestClaim {
  /** "anonymous" or the resource name of the user. */
  readonly caller: string;
  /** Full name of the method. */
  readonly method: string;
  readonly requestId: string;
  /** Hash of what was asked: a request id must not be used for something else. */
  readonly hash: string;
}

/** "duplicate" means that nothing ran: the message was handled before, or is parked. */
export type MessageResult = "done" | "duplicate";

/**
 * What may be written over the hash of a claim to forget what was asked: from then on every request with its id counts as
 * a repetition.
 */
export const forgottenHash = "forgotten";

/**
 * The one way to write. Works are synchronous and may be run again, so they decide and store and do nothing else; an
 * error they throw undoes all that they wrote. Each resolves after the commit is on disk and rejects as
 * {@link Database.transact} does.
 */
export interface UnitOfWork {
  /** Runs the work and appends its events to the outbox in one transaction. */
  commit<T>(work: () => Work<T>): Promise<T>;
  /**
   * The same, and claims the request in the same transaction for the resource the work names. A request carried out
   * before returns `reload(resource)` and runs nothing; the same request id with another hash rejects with
   * already_exists REQUEST_ID_REUSED. Without a claim it is a plain commit.
   */
  commitRequest<T>(
    claim: RequestClaim | undefined,
    work: () => Work<T> & { readonly resource: string },
    reload: (resource: string) => T,
  ): Promise<T>;
  /**
   * The same, and claims the message in the same transaction, before the work runs, unless it is a duplicate. A redelivered
   * message has the transaction for itself.
   */
  commitMessage(message: IncomingMessage, work: () => Work<unknown>): Promise<MessageResult>;
  /** Claims a message that changes nothing. */
  ignoreMessage(message: IncomingMessage): Promise<MessageResult>;
}

/** The unit of work over a migrated database. Events carry the trace of whoever calls it. */
export function createUnitOfWork(options: { readonly database: Database; readonly now: () => number }): UnitOfWork {
  const { database, now } = options;
  const outbox = createOutbox({ database });
  const inboxClaims = createInboxClaims({ database, now });
  const selectClaim = database.sqlite.prepare<[string, string, string], { hash: string; resource: string }>(
    "SELECT hash, resource FROM request_claims WHERE caller = ? AND method = ? AND request_id = ?",
  );
  const insertClaim = database.sqlite.prepare(
    "INSERT INTO request_claims (caller, method, request_id, hash, resource, create_time) VALUES (?, ?, ?, ?, ?, ?)",
  );

  function perform<W extends Work<unknown>>(work: () => W, trace: EventTrace): W {
    const done = work();
    if (done.events !== undefined) outbox.append(done.events, now(), trace);
    return done;
  }

  async function commit<T>(work: () => Work<T>): Promise<T> {
    const trace = currentTrace();
    const done = await database.transact(() => perform(work, trace));
    return done.value;
  }

  async function commitMessage(message: IncomingMessage, work: () => Work<unknown>): Promise<MessageResult> {
    const trace = currentTrace();
    return database.transact(
      () => {
        if (!inboxClaims.claim(message)) return "duplicate";
        failPoint("consumer.after-claim", message.type);
        perform(work, trace);
        return "done";
      },
      { alone: message.redelivered },
    );
  }

  return {
    commit,
    async commitRequest(claim, work, reload) {
      if (claim === undefined) return commit(work);
      const { caller, method, requestId, hash } = claim;
      const trace = currentTrace();
      const done = await database.transact(() => {
        const earlier = selectClaim.get(caller, method, requestId);
        const isOther = earlier !== undefined && earlier.hash !== hash && earlier.hash !== forgottenHash;
        if (isOther) throw requestIdReused(requestId);
        if (earlier !== undefined) return { value: reload(earlier.resource) };
        const made = perform(work, trace);
        insertClaim.run(caller, method, requestId, hash, made.resource, now());
        failPoint("request.after-claim", method);
        return made;
      });
      return done.value;
    },
    commitMessage,
    ignoreMessage: (message) => commitMessage(message, () => ({ value: undefined })),
  };
}

function currentTrace(): EventTrace {
  const trace = currentContext()?.trace;
  return trace === undefined ? {} : { traceparent: formatTraceparent(trace), tracestate: trace.tracestate };
}
