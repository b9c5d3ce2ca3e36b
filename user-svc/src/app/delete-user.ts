import { deleteUser } from "../domain/change-user.ts";
import type { UserStore } from "./ports.ts";

export type DeleteUser = (userId: string, expectedVersion: number | undefined) => Promise<void>;

/** Creates the command that deletes an account with all that is personal. It throws what the domain refuses. */
export function createDeleteUser(deps: { users: Pick<UserStore, "delete">; now: () => number }): DeleteUser {
  return (userId, expectedVersion) => {
    const now = deps.now();
    return deps.users.delete(userId, (user) => deleteUser(user, userId, expectedVersion, now));
  };
}
