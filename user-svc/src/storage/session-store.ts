import type { Database } from "@quartet/chassis/storage/database";
import { eq, inArray, lt } from "@quartet/chassis/storage/drizzle";
import type { OutgoingEvent } from "@quartet/chassis/storage/messages";
import type { UnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import type { SessionStore } from "../app/ports.ts";
import type { SessionEvent } from "../domain/session.ts";
import { createEndedSessions } from "./ended-sessions.ts";
import { endedEpochs, sessions } from "./schema.ts";
import { createUserRows } from "./user-rows.ts";

/** Creates the store of sessions on SQLite. `toOutgoing` encodes events for the outbox. */
export function createSessionStore(options: {
  database: Database;
  unitOfWork: UnitOfWork;
  toOutgoing: (event: SessionEvent) => OutgoingEvent;
}): SessionStore {
  const { unitOfWork, toOutgoing } = options;
  const { orm } = options.database;
  const load = createUserRows(options.database);
  const ended = createEndedSessions(options.database);
  const firstEndedEpoch = orm.select().from(endedEpochs).limit(1).prepare();

  return {
    open: (userId, decide) =>
      unitOfWork.commit(() => {
        const session = decide(load.user(userId));
        orm.insert(sessions).values(session).run();
        return { value: session };
      }),

    update: (sessionId, decide) =>
      unitOfWork.commit(() => {
        const session = load.session(sessionId);
        const decision = decide(session, session && load.user(session.userId));
        const { next, events } = decision;
        const isIt = eq(sessions.id, sessionId);
        if (next === undefined) orm.delete(sessions).where(isIt).run();
        else if (next !== session) orm.update(sessions).set(next).where(isIt).run();
        return { value: decision, events: events.map(toOutgoing) };
      }),

    removeExpired: (beforeTime, limit) =>
      unitOfWork.commit(() => {
        const expired = orm
          .select({ id: sessions.id })
          .from(sessions)
          .where(lt(sessions.expireTime, beforeTime))
          .limit(limit);
        return { value: orm.delete(sessions).where(inArray(sessions.id, expired)).run().changes };
      }),

    async removeEnded(limit) {
      // Nearly always there is nothing: then nothing is locked.
      if (firstEndedEpoch.get() === undefined) return false;
      return unitOfWork.commit(() => {
        const events = ended.removeMore(limit);
        return { value: events !== undefined, events: events?.map(toOutgoing) };
      });
    },
  };
}
