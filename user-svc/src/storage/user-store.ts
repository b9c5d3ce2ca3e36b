import type { Database } from "@quartet/chassis/storage/database";
import { and, eq } from "@quartet/chassis/storage/drizzle";
import type { OutgoingEvent } from "@quartet/chassis/storage/messages";
import { requestClaims } from "@quartet/chassis/storage/schema";
import { forgottenHash, type UnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import type { UserStore } from "../app/ports.ts";
import type { SessionEvent } from "../domain/session.ts";
import { type User, type UserDecision, type UserEvent, userNotFound } from "../domain/user.ts";
import { createEndedSessions } from "./ended-sessions.ts";
import { deletedUsers, sessions, users } from "./schema.ts";
import { createUserRows } from "./user-rows.ts";

const sessionsAtOnceMaxDefault = 100;

/** Creates the store of users on SQLite. `toOutgoing` encodes events for the outbox. */
export function createUserStore(options: {
  database: Database;
  unitOfWork: UnitOfWork;
  toOutgoing: (event: UserEvent | SessionEvent) => OutgoingEvent;
  /** Most sessions that are removed in the transaction of their cause. What is left follows in others. */
  sessionsAtOnceMax?: number;
}): UserStore {
  const { unitOfWork, toOutgoing, sessionsAtOnceMax = sessionsAtOnceMaxDefault } = options;
  const { orm } = options.database;
  const load = createUserRows(options.database);
  const ended = createEndedSessions(options.database);

  /** Saves what was decided of a user that exists; returns what is to be published. */
  const save = (user: User, { next, events }: UserDecision, keptSessionId: string | undefined) => {
    if (next === user) return [];
    orm.update(users).set(next).where(eq(users.id, user.id)).run();
    if (next.sessionEpoch === user.sessionEpoch) return events.map(toOutgoing);
    if (keptSessionId !== undefined) {
      const isKept = and(eq(sessions.id, keptSessionId), eq(sessions.userId, user.id));
      orm
        .update(sessions)
        .set({ epoch: next.sessionEpoch })
        .where(and(isKept, eq(sessions.epoch, user.sessionEpoch)))
        .run();
    }
    const { id: userId, sessionEpoch: epoch } = user;
    const over = { userId, epoch, reason: "PASSWORD_CHANGED", endTime: next.updateTime } as const;
    return [...events, ...ended.end(over, sessionsAtOnceMax)].map(toOutgoing);
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
        (id) => {
          const user = load.user(id);
          if (user === undefined) throw userNotFound(id);
          return user;
        },
      ),

    update: (userId, { email, keptSessionId }, decide) =>
      unitOfWork.commit(() => {
        const user = load.user(userId);
        const decision = decide(user, email === undefined ? undefined : load.userByEmail(email));
        if (user === undefined) throw userNotFound(userId);
        return { value: decision.next, events: save(user, decision, keptSessionId) };
      }),

    put: (email, decide) =>
      unitOfWork.commit(() => {
        const user = load.userByEmail(email);
        const decision = decide(user);
        if (user !== undefined) return { value: decision.next, events: save(user, decision, undefined) };
        orm.insert(users).values(decision.next).run();
        return { value: decision.next, events: decision.events.map(toOutgoing) };
      }),

    delete: (userId, decide) =>
      unitOfWork.commit(() => {
        const user = load.user(userId);
        const { next, events } = decide(user);
        if (user === undefined) throw userNotFound(userId);
        orm.insert(deletedUsers).values(next).run();
        orm.delete(users).where(eq(users.id, userId)).run();
        orm.update(requestClaims).set({ hash: forgottenHash }).where(eq(requestClaims.resource, userId)).run();
        const over = { userId, epoch: user.sessionEpoch, reason: "USER_DELETED", endTime: next.deleteTime } as const;
        const all = [...events, ...ended.end(over, sessionsAtOnceMax)];
        return { value: undefined, events: all.map(toOutgoing) };
      }),
  };
}
