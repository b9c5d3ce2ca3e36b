import { fromBinary, toJson } from "@bufbuild/protobuf";
import { loadContract } from "@quartet/chassis/contract";
import { newId } from "@quartet/chassis/ids";
import type { Database } from "@quartet/chassis/storage/database";
import { outbox } from "@quartet/chassis/storage/schema";
import { secretOf } from "@quartet/chassis/storage/secrets";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { openTestDatabase } from "@quartet/chassis/testing/test-database";
import { type ChangePassword, createChangePassword } from "../app/change-password.ts";
import { type CreateSession, createCreateSession } from "../app/create-session.ts";
import { type CreateUser, createCreateUser } from "../app/create-user.ts";
import { createDeleteSession, type DeleteSession } from "../app/delete-session.ts";
import { createDeleteUser, type DeleteUser } from "../app/delete-user.ts";
import type {
  AccessTokenSigner,
  PasswordHasher,
  RefreshTokens,
  SessionQueries,
  SessionStore,
  UserQueries,
  UserStore,
} from "../app/ports.ts";
import { createRefreshSession, type RefreshSession } from "../app/refresh-session.ts";
import { createSetAdministrator, type SetAdministrator } from "../app/set-administrator.ts";
import { createUpdateUser, type UpdateUser } from "../app/update-user.ts";
import { createToOutgoing } from "../events/publish.ts";
import { migrations } from "../migrations.ts";
import { createRefreshTokens } from "../security/refresh-token.ts";
import { overwriteDeleted } from "../storage/erasure.ts";
import { createSessionStore } from "../storage/session-store.ts";
import { createSessionQueries, createUserQueries } from "../storage/user-queries.ts";
import { createUserStore } from "../storage/user-store.ts";
import { plainPasswords } from "./plain-passwords.ts";

const [minuteMs, dayMs] = [60_000, 86_400_000];

/** How long everything lasts in tests: as by default. */
export const testLifetimes = {
  accessTokenLifetimeMs: 10 * minuteMs,
  refreshTokenLifetimeMs: 30 * dayMs,
  sessionLifetimeMs: 90 * dayMs,
};

/** An event in the outbox, read. */
export interface PublishedEvent {
  /** Without the package, as in "UserCreated". */
  readonly type: string;
  readonly aggregate: string;
  readonly version: number;
  /** In the JSON form of the contract. */
  readonly event: Readonly<Record<string, unknown>>;
}

/** All commands over a database of the test's own. */
export interface TestCommands {
  readonly database: Database;
  readonly users: UserStore;
  readonly sessions: SessionStore;
  readonly queries: UserQueries;
  readonly sessionQueries: SessionQueries;
  readonly refreshTokens: RefreshTokens;
  readonly createUser: CreateUser;
  readonly updateUser: UpdateUser;
  readonly deleteUser: DeleteUser;
  readonly changePassword: ChangePassword;
  readonly setAdministrator: SetAdministrator;
  readonly createSession: CreateSession;
  readonly refreshSession: RefreshSession;
  readonly deleteSession: DeleteSession;
  /** The events in the outbox, in their order. */
  published(): readonly PublishedEvent[];
}

/** Opens the commands over a migrated database, in memory unless `file`. */
export async function openTestCommands(options: {
  readonly now: () => number;
  readonly passwords?: PasswordHasher;
  readonly signerOf?: (database: Database) => Promise<AccessTokenSigner>;
  readonly file?: boolean;
  readonly sessionsAtOnceMax?: number;
}): Promise<TestCommands> {
  const { now, sessionsAtOnceMax, passwords = plainPasswords() } = options;
  const database = await openTestDatabase({ migrations: [migrations], file: options.file });
  overwriteDeleted(database);
  const stored = {
    database,
    unitOfWork: createUnitOfWork({ database, now }),
    toOutgoing: createToOutgoing({ newId }),
  };
  const [users, sessions] = [createUserStore({ ...stored, sessionsAtOnceMax }), createSessionStore(stored)];
  const [queries, sessionQueries] = [createUserQueries({ database }), createSessionQueries({ database })];
  const refreshTokens = createRefreshTokens({ key: secretOf(database, "refresh_token") });
  const signer = (await options.signerOf?.(database)) ?? { sign: async () => "an access token" };
  const shared = { users, sessions, passwords, signer, refreshTokens, lifetimes: testLifetimes, now, newId };
  const { registry } = loadContract();

  return {
    database,
    users,
    sessions,
    queries,
    sessionQueries,
    refreshTokens,
    createUser: createCreateUser(shared),
    updateUser: createUpdateUser(shared),
    deleteUser: createDeleteUser(shared),
    changePassword: createChangePassword({ ...shared, queries }),
    setAdministrator: createSetAdministrator(shared),
    createSession: createCreateSession({ ...shared, queries }),
    refreshSession: createRefreshSession({ ...shared, queries: sessionQueries }),
    deleteSession: createDeleteSession(shared),
    published: () =>
      database.orm
        .select()
        .from(outbox)
        .orderBy(outbox.seq)
        .all()
        .map(({ type, aggregate, version, payload }) => {
          const schema = registry.getMessage(type);
          if (schema === undefined) throw new Error(`the contract has no ${type}`);
          const event = toJson(schema, fromBinary(schema, payload)) as PublishedEvent["event"];
          return { type: type.split(".").at(-1) ?? "", aggregate, version, event };
        }),
  };
}
