import type { Database } from "@quartet/chassis/storage/database";
import { eq, inArray, lt } from "@quartet/chassis/storage/drizzle";
import type { OutgoingEvent } from "@quartet/chassis/storage/messages";
import type { UnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import type { UserStore } from "../app/ports.ts";
import type { User, UserEvent } from "../domain/user.ts";
import { sessions, users } from "./schema.ts";
import { createUserRows } from "./user-rows.ts";

/** Creates the store of users and sessions on SQLite. `toOutgoing` encodes events for the outbox. */
export function createUserStore(options: {
  database: Database;
  unitOfWork: UnitOfWork;
  toOutgoing: (event: UserEvent) => OutgoingEvent;
}): UserStore {
  const { unitOfWork, toOutgoing } = options;
  const { orm } = options.database;
  const load = createUserRows(options.database);

  const requireUser = (id: string): User => {
    const user = load.user(id);
    if (user === undefined) throw new Error(`users/${id} was saved and is gone`);
    return user;
  };

  return {
    create: (email, request, decide) =>
      unitOfWork.commitRequest(
        request,
        () => {
          const { next, events } = decide(load.userByEmail(email));
          orm.insert(users).values(next).run();
          return { value: next, resource: next.id, events: events.map(toOutgoing) };
        },
        requireUser,
      ),

    put: (email, decide) =>
      unitOfWork.commit(() => {
        const { next, events } = decide(load.userByEmail(email));
        const { id, ...changes } = next;
        orm.insert(users).values(next).onConflictDoUpdate({ target: users.id, set: changes }).run();
        orm.delete(sessions).where(eq(sessions.userId, id)).run();
        return { value: next, events: events.map(toOutgoing) };
      }),

    addSession: (session) =>
      unitOfWork.commit(() => {
        orm.insert(sessions).values(session).run();
        return { value: undefined };
      }),

    removeExpiredSessions: (beforeTime, limit) =>
      unitOfWork.commit(() => {
        const expired = orm
          .select({ id: sessions.id })
          .from(sessions)
          .where(lt(sessions.expireTime, beforeTime))
          .limit(limit);
        return { value: orm.delete(sessions).where(inArray(sessions.id, expired)).run().changes };
      }),
  };
}
