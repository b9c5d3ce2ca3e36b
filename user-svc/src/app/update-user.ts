import { type UserChanges, updateUser } from "../domain/change-user.ts";
import { normalizeEmail, type User } from "../domain/user.ts";
import type { UserStore } from "./ports.ts";

export type UpdateUser = (userId: string, changes: UserChanges, expectedVersion: number | undefined) => Promise<User>;

/** Creates the command that changes address and name of an account. It throws what the domain refuses. */
export function createUpdateUser(deps: { users: Pick<UserStore, "update">; now: () => number }): UpdateUser {
  return (userId, changes, expectedVersion) => {
    const now = deps.now();
    const email = changes.email === undefined ? undefined : normalizeEmail(changes.email);
    return deps.users.update(userId, { email }, (user, emailOwner) =>
      updateUser(user, userId, { ...changes, emailOwner, expectedVersion }, now),
    );
  };
}
