import { requestIdReused } from "@quartet/chassis/domain-error";
import type { RequestClaim } from "@quartet/chassis/storage/unit-of-work";
import { createUser, normalizeEmail, type User } from "../domain/user.ts";
import type { PasswordHasher, UserStore } from "./ports.ts";

export type CreateUser = (
  input: { readonly email: string; readonly displayName: string; readonly password: string },
  request: RequestClaim | undefined,
) => Promise<User>;

/**
 * Creates the command that creates a customer, once for each request id. The claim leaves the password out, because not
 * even a hash of it may be stored there; a repetition is told from a reuse by checking the password itself. So a
 * repetition with a password that was changed since is refused as well.
 */
export function createCreateUser(deps: {
  users: Pick<UserStore, "create">;
  passwords: PasswordHasher;
  now: () => number;
  newId: () => string;
}): CreateUser {
  return async ({ email, displayName, password }, request) => {
    const passwordHash = await deps.passwords.hash(password);
    const [id, now] = [deps.newId(), deps.now()];
    const user = await deps.users.create(normalizeEmail(email), request, (emailOwner) =>
      createUser(emailOwner, { email, displayName, passwordHash, role: "CUSTOMER" }, id, now),
    );
    const isRepetition = user.id !== id;
    if (request !== undefined && isRepetition && !(await deps.passwords.verify(password, user.passwordHash))) {
      throw requestIdReused(request.requestId);
    }
    return user;
  };
}
