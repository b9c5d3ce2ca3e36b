import type { ServiceImpl } from "@connectrpc/connect";
import { DomainError } from "@quartet/chassis/domain-error";
import { fromName } from "@quartet/chassis/resource-name";
import { ownsOrAdmin, userOf } from "@quartet/chassis/rpc/caller";
import { requestClaim } from "@quartet/chassis/rpc/request-claim";
import { CreateUserRequestSchema, type UserService } from "@quartet/proto/shop/user/v1/user_service_pb";
import type { CreateSession } from "../app/create-session.ts";
import type { CreateUser } from "../app/create-user.ts";
import type { UserQueries } from "../app/ports.ts";
import { toSessionMessage, toUserMessage } from "./user-message.ts";

/** Creates the implementation of UserService. Who may call what is the contract's policy, enforced before it. */
export function createUserServiceImpl(deps: {
  queries: Pick<UserQueries, "get">;
  createUser: CreateUser;
  createSession: CreateSession;
}): ServiceImpl<typeof UserService> {
  return {
    async createUser(request, context) {
      const { email, displayName, password } = request;
      const claim = requestClaim(context, CreateUserRequestSchema, request, { omit: ["password"] });
      return toUserMessage(await deps.createUser({ email, displayName, password }, claim));
    },

    async getUser({ name }, context) {
      const caller = userOf(context);
      const requested = fromName("users", name);
      const userId = requested === "me" ? caller.userId : requested;
      const user = ownsOrAdmin(caller, userId) ? await deps.queries.get(userId) : undefined;
      if (user === undefined) {
        throw new DomainError("not_found", "USER_NOT_FOUND", `${name} does not exist`, { metadata: { user: name } });
      }
      return toUserMessage(user);
    },

    async createSession({ email, password }) {
      return toSessionMessage(await deps.createSession({ email, password }));
    },
  };
}
