import { createLocalKeySet } from "@quartet/chassis/auth/key-set";
import { implement } from "@quartet/chassis/rpc/implement";
import { openServiceCore, type ServiceCore } from "@quartet/chassis/service-core";
import {
  createServiceHost,
  type Service,
  type ServiceOverrides,
  type ServiceParts,
} from "@quartet/chassis/service-host";
import { secretOf } from "@quartet/chassis/storage/secrets";
import { UserService } from "@quartet/proto/shop/user/v1/user_service_pb";
import { createChangePassword } from "./app/change-password.ts";
import { createCreateSession } from "./app/create-session.ts";
import { createCreateUser } from "./app/create-user.ts";
import { createDeleteSession } from "./app/delete-session.ts";
import { createDeleteUser } from "./app/delete-user.ts";
import type { AccessTokenSigner, PasswordHasher } from "./app/ports.ts";
import { createRefreshSession } from "./app/refresh-session.ts";
import { createUpdateUser } from "./app/update-user.ts";
import type { UserConfig } from "./config.ts";
import { createToOutgoing } from "./events/publish.ts";
import { createHousekeeping } from "./housekeeping.ts";
import { migrations } from "./migrations.ts";
import { createUserServiceImpl } from "./rpc/user-service.ts";
import { createAccessTokenSigner } from "./security/access-token-signer.ts";
import { createPasswordHasher } from "./security/password-hasher.ts";
import { createRefreshTokens } from "./security/refresh-token.ts";
import { publicKeysOf } from "./security/signing-key.ts";
import { overwriteDeleted, vacuumAfterDeletions } from "./storage/erasure.ts";
import { createSessionStore } from "./storage/session-store.ts";
import { loadSigningKeys } from "./storage/signing-key-store.ts";
import { createSessionQueries, createUserQueries } from "./storage/user-queries.ts";
import { createUserStore } from "./storage/user-store.ts";

/** Puts the parts of user-svc together on its core: the only place that knows every one of them. */
export function createParts(
  core: ServiceCore,
  config: UserConfig,
  security: { readonly passwords: PasswordHasher; readonly signer: AccessTokenSigner },
): ServiceParts {
  const { database, unitOfWork, now, newId, log } = core;
  const { passwords, signer } = security;
  const stored = { database, unitOfWork, toOutgoing: createToOutgoing({ newId }) };
  const [users, sessions] = [createUserStore(stored), createSessionStore(stored)];
  const [queries, sessionQueries] = [createUserQueries({ database }), createSessionQueries({ database })];
  const refreshTokens = createRefreshTokens({ key: secretOf(database, "refresh_token") });
  const shared = { users, sessions, passwords, signer, refreshTokens, lifetimes: config, now, newId };
  const implementation = createUserServiceImpl({
    queries,
    sessionQueries,
    createUser: createCreateUser(shared),
    updateUser: createUpdateUser(shared),
    deleteUser: createDeleteUser(shared),
    changePassword: createChangePassword({ ...shared, queries }),
    createSession: createCreateSession({ ...shared, queries }),
    refreshSession: createRefreshSession({ ...shared, queries: sessionQueries }),
    deleteSession: createDeleteSession(shared),
    pageTokens: core.pageTokens,
    now,
  });
  return {
    registrations: [implement(UserService, implementation)],
    handlers: [],
    workers: createHousekeeping({ sessions, database, now, log }),
  };
}

/** Creates user-svc as a service that can run. */
export async function createService(config: UserConfig, overrides: ServiceOverrides = {}): Promise<Service> {
  const core = await openServiceCore({ name: "user-svc", config, migrations, ...overrides });
  const { database, now, newId, log } = core;
  overwriteDeleted(database);
  await vacuumAfterDeletions(database, now()).catch((error) => {
    log.warn({ err: error }, "cannot rewrite the database after deletions; the next start tries again");
  });
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
  const keySet = createLocalKeySet(publicKeysOf(keys));
  return createServiceHost(core, { ...createParts(core, config, { passwords, signer }), keySet, ...overrides });
}
