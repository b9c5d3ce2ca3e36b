import { makeAdministrator } from "../domain/change-user.ts";
import { createUser, normalizeEmail, type User } from "../domain/user.ts";
import type { PasswordHasher, UserStore } from "./ports.ts";

export type SetAdministrator = (input: { readonly email: string; readonly password: string }) => Promise<User>;

/**
 * Creates the command that makes the user with an address an administrator with a new password, or creates them. All
 * sessions of the user end.
 */
export function createSetAdministrator(deps: {
  users: Pick<UserStore, "put">;
  passwords: PasswordHasher;
  now: () => number;
  newId: () => string;
}): SetAdministrator {
  return async ({ email, password }) => {
    const passwordHash = await deps.passwords.hash(password);
    const [id, now] = [deps.newId(), deps.now()];
    return deps.users.put(normalizeEmail(email), (user) =>
      user === undefined
        ? createUser(undefined, { email, displayName: "Administrator", passwordHash, role: "ADMIN" }, id, now)
        : makeAdministrator(user, passwordHash, now),
    );
  };
}
