import { availableParallelism } from "node:os";
import { commonSettings } from "@quartet/chassis/common-config";
import { integer, readConfig, type Values } from "@quartet/chassis/config";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Everything user-svc can be told by its environment. */
export const settings = {
  ...commonSettings({ rpcPort: 50051, httpPort: 8081 }),
  accessTokenLifetimeMs: integer("ACCESS_TOKEN_LIFETIME_MS", "How long an access token is good", {
    min: 1_000,
    max: hourMs,
    fallback: "600000",
  }),
  refreshTokenLifetimeMs: integer("REFRESH_TOKEN_LIFETIME_MS", "How long a session lasts without renewal", {
    min: 60_000,
    max: 365 * dayMs,
    fallback: String(30 * dayMs),
  }),
  sessionLifetimeMs: integer("SESSION_LIFETIME_MS", "How long a session lasts at most, however often it is renewed", {
    min: 60_000,
    max: 365 * dayMs,
    fallback: String(90 * dayMs),
  }),
  passwordHashesMax: integer(
    "PASSWORD_HASHES_MAX",
    "Most password hashes at a time, each 19 MiB; by default one a core",
    {
      min: 1,
      max: 64,
      fallback: String(availableParallelism()),
    },
  ),
  passwordHashesWaitingMax: integer("PASSWORD_HASHES_WAITING_MAX", "Most logins that wait for their hash", {
    min: 0,
    max: 10_000,
    fallback: "100",
  }),
};

export type UserConfig = Values<typeof settings>;

/** Reads the configuration. Throws a ConfigError that lists every problem. */
export function readUserConfig(environment: NodeJS.ProcessEnv = process.env): UserConfig {
  return readConfig(settings, environment);
}
