import { createLocalKeySet } from "@quartet/chassis/auth/key-set";
import { implement } from "@quartet/chassis/rpc/implement";
import { openServiceCore } from "@quartet/chassis/service-core";
import { createServiceHost, type Service, type ServiceOverrides } from "@quartet/chassis/service-host";
import { UserService } from "@quartet/proto/shop/user/v1/user_service_pb";
import { createCreateSession } from "./app/create-session.ts";
import { createCreateUser } from "./app/create-user.ts";
import type { UserConfig } from "./config.ts";
import { createToOutgoing } from "./events/publish.ts";
import { migrations } from "./migrations.ts";
import { createUserServiceImpl } from "./rpc/user-service.ts";
import { createAccessTokenSigner } from "./security/access-token-signer.ts";
import { createPasswordHasher } from "./security/password-hasher.ts";
import { newRefreshToken } from "./security/refresh-token.ts";
import { publicKeysOf } from "./security/signing-key.ts";
import { createSessionSweeper } from "./session-sweeper.ts";
import { loadSigningKeys } from "./storage/signing-key-store.ts";
import { createUserQueries } from "./storage/user-queries.ts";
import { createUserStore } from "./storage/user-store.ts";

/** Puts user-svc together: the only place that knows every part of it. */
export async function createService(config: UserConfig, overrides: ServiceOverrides = {}): Promise<Service> {
  const core = await openServiceCore({ name: "user-svc", config, migrations, ...overrides });
  const { database, unitOfWork, now, newId, log } = core;

  const users = createUserStore({ database, unitOfWork, toOutgoing: createToOutgoing({ newId }) });
  const queries = createUserQueries({ database });
  const passwords = await createPasswordHasher({
    concurrentMax: config.passwordHashesMax,
    waitingMax: config.passwordHashesWaitingMax,
  });
  const keys = await loadSigningKeys(database, now);
  const signer = await createAccessTokenSigner({
    key: keys[0],
    issuer: config.tokenIssuer,
    audience: config.tokenAudience,
    now,
    newId,
  });
  const { accessTokenLifetimeMs, refreshTokenLifetimeMs } = config;
  const implementation = createUserServiceImpl({
    queries,
    createUser: createCreateUser({ users, passwords, now, newId }),
    createSession: createCreateSession({
      users,
      queries,
      passwords,
      signer,
      accessTokenLifetimeMs,
      refreshTokenLifetimeMs,
      now,
      newId,
      newRefreshToken,
    }),
  });

  return createServiceHost(core, {
    registrations: [implement(UserService, implementation)],
    handlers: [],
    workers: [createSessionSweeper({ users, now, log })],
    keySet: createLocalKeySet(publicKeysOf(keys)),
    ...overrides,
  });
}
