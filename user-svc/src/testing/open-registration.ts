import { createLocalKeySet } from "@quartet/chassis/auth/key-set";
import { createTokenVerifier, type TokenVerifier } from "@quartet/chassis/auth/token-verifier";
import { newId } from "@quartet/chassis/ids";
import { createPageTokens } from "@quartet/chassis/page-token";
import { implement, type ServiceRegistration } from "@quartet/chassis/rpc/implement";
import { secretOf } from "@quartet/chassis/storage/secrets";
import { UserService } from "@quartet/proto/shop/user/v1/user_service_pb";
import type { PasswordHasher } from "../app/ports.ts";
import { createUserServiceImpl } from "../rpc/user-service.ts";
import { createAccessTokenSigner } from "../security/access-token-signer.ts";
import { publicKeysOf, type SigningKey } from "../security/signing-key.ts";
import { loadSigningKeys } from "../storage/signing-key-store.ts";
import { openTestCommands, type TestCommands } from "./open-commands.ts";

/** UserService over a database of the test's own, ready to be served, and what verifies its tokens. */
export interface TestRegistration {
  readonly commands: TestCommands;
  readonly registrations: readonly ServiceRegistration[];
  readonly verifier: TokenVerifier;
}

/** Creates the implementation with real keys. */
export async function openTestRegistration(options: {
  readonly now: () => number;
  readonly passwords?: PasswordHasher;
}): Promise<TestRegistration> {
  const { now } = options;
  const named = { issuer: "quartet", audience: "quartet", now };
  let keys: readonly SigningKey[] = [];
  const commands = await openTestCommands({
    ...options,
    async signerOf(database) {
      const loaded = await loadSigningKeys(database, now);
      keys = loaded;
      return createAccessTokenSigner({ key: loaded[0], newId, ...named });
    },
  });
  const pageTokens = createPageTokens({ key: secretOf(commands.database, "page_token") });
  const implementation = createUserServiceImpl({ ...commands, pageTokens, now });
  return {
    commands,
    registrations: [implement(UserService, implementation)],
    verifier: createTokenVerifier({ keys: createLocalKeySet(publicKeysOf(keys)), ...named }),
  };
}
