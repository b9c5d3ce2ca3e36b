import type { Database } from "@quartet/chassis/storage/database";
import { and, eq, inArray } from "@quartet/chassis/storage/drizzle";
import { endSession, type SessionEvent } from "../domain/session.ts";
import { endedEpochs, sessions } from "./schema.ts";

/** An epoch of a user that is over. */
export type EndedEpoch = typeof endedEpochs.$inferSelect;

/** The sessions that end with an epoch. Each function is to be called inside a transaction. */
export interface EndedSessions {
  /** Notes that an epoch is over, and removes up to `limit` of its sessions. Returns what is to be published. */
  end(epoch: EndedEpoch, limit: number): readonly SessionEvent[];
  /** Removes up to `limit` more sessions of the epoch that was noted first; undefined when all are removed. */
  removeMore(limit: number): readonly SessionEvent[] | undefined;
}

/** Creates the part of the stores that ends all sessions of an epoch, however many, in transactions of bounded size. */
export function createEndedSessions({ orm }: Database): EndedSessions {
  const remove = ({ userId, epoch, reason, endTime }: EndedEpoch, limit: number) => {
    const ofEpoch = and(eq(sessions.userId, userId), eq(sessions.epoch, epoch));
    const found = orm.select().from(sessions).where(ofEpoch).limit(limit).all();
    const ids = found.map(({ id }) => id);
    orm.delete(sessions).where(inArray(sessions.id, ids)).run();
    if (found.length < limit) {
      orm
        .delete(endedEpochs)
        .where(and(eq(endedEpochs.userId, userId), eq(endedEpochs.epoch, epoch)))
        .run();
    }
    // What had expired by then has ended by itself.
    return found
      .filter(({ expireTime }) => expireTime > endTime)
      .flatMap((session) => endSession(session, reason, endTime).events);
  };
  return {
    end(epoch, limit) {
      orm.insert(endedEpochs).values(epoch).run();
      return remove(epoch, limit);
    },
    removeMore(limit) {
      const epoch = orm.select().from(endedEpochs).limit(1).get();
      return epoch && remove(epoch, limit);
    },
  };
}
