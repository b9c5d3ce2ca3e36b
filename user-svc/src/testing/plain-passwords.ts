import type { PasswordHasher } from "../app/ports.ts";

/** Hashes that cost nothing and hide nothing, for tests that are not about passwords. No two are the same. */
export function plainPasswords(): PasswordHasher {
  let count = 0;
  return {
    hash: async (password) => `$argon2id$${++count}$${password}`,
    verify: async (password, hash) => hash?.replace(/^\$argon2id\$\d+\$/, "") === password,
  };
}
