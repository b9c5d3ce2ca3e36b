import { hash, verify } from "@node-rs/argon2";
import { DomainError } from "@quartet/chassis/domain-error";
import type { PasswordHasher } from "../app/ports.ts";

/** OWASP Password Storage Cheat Sheet, argon2id: 19 MiB, two passes, one lane. The library's default is argon2id. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

const retryDelayMs = 1_000;

/**
 * Creates the hasher. At most `concurrentMax` hashes run at a time, each on a thread of its own with 19 MiB, and at most
 * `waitingMax` wait: a flood of logins is refused before it costs anything.
 */
export async function createPasswordHasher(options: {
  concurrentMax: number;
  waitingMax: number;
}): Promise<PasswordHasher> {
  const limited = createLimit(options);
  // Checked in place of a missing hash, so that an unknown account takes as long as a wrong password.
  const nobodysHash = await hash("nobody has this password", parameters);
  return {
    hash: (password) => limited(() => hash(password, parameters)),
    verify: async (password, passwordHash) => {
      const isRight = await limited(() => verify(passwordHash ?? nobodysHash, password));
      return isRight && passwordHash !== undefined;
    },
  };
}

function createLimit({ concurrentMax, waitingMax }: { concurrentMax: number; waitingMax: number }) {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (running >= concurrentMax) {
      if (waiting.length >= waitingMax) {
        throw new DomainError("resource_exhausted", "TOO_MANY_LOGINS", "too many logins are under way", {
          retryDelayMs,
        });
      }
      // Whoever ends hands its place over, so that running stays as it is.
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else {
      running++;
    }
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
