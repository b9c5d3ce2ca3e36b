import { changePassword, wrongPassword } from "../domain/change-user.ts";
import { type User, userNotFound } from "../domain/user.ts";
import type { PasswordHasher, UserQueries, UserStore } from "./ports.ts";

export type ChangePassword = (input: {
  readonly userId: string;
  readonly currentPassword: string;
  readonly newPassword: string;
  /** The session that the call is made with: it goes on if it is the user's. */
  readonly sessionId: string;
}) => Promise<User>;

/**
 * Creates the command that gives an account a new password and ends its other sessions. Throws `not_found`
 * USER_NOT_FOUND, `invalid` WRONG_PASSWORD, and `resource_exhausted` TOO_MANY_LOGINS. Of two that change the same
 * password at once, one finds it wrong.
 */
export function createChangePassword(deps: {
  users: Pick<UserStore, "update">;
  queries: Pick<UserQueries, "get">;
  passwords: PasswordHasher;
  now: () => number;
}): ChangePassword {
  return async ({ userId, currentPassword, newPassword, sessionId }) => {
    const user = await deps.queries.get(userId);
    if (user === undefined) throw userNotFound(userId);
    const verifiedHash = user.passwordHash;
    if (!(await deps.passwords.verify(currentPassword, verifiedHash))) throw wrongPassword();
    const newHash = await deps.passwords.hash(newPassword);
    const now = deps.now();
    return deps.users.update(userId, { keptSessionId: sessionId }, (found) =>
      changePassword(found, userId, { verifiedHash, newHash }, now),
    );
  };
}
