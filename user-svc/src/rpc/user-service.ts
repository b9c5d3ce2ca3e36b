import type { ServiceImpl } from "@connectrpc/connect";
import { type PageTokens, readPage } from "@quartet/chassis/page-token";
import { fromName } from "@quartet/chassis/resource-name";
import { type CallerContext, callerOf, ownsOrAdmin, userOf } from "@quartet/chassis/rpc/caller";
import { expectedVersion } from "@quartet/chassis/rpc/etag";
import { requestClaim } from "@quartet/chassis/rpc/request-claim";
import { CreateUserRequestSchema, type UserService } from "@quartet/proto/shop/user/v1/user_service_pb";
import type { ChangePassword } from "../app/change-password.ts";
import type { CreateSession } from "../app/create-session.ts";
import type { CreateUser } from "../app/create-user.ts";
import type { DeleteSession } from "../app/delete-session.ts";
import type { DeleteUser } from "../app/delete-user.ts";
import type { SessionQueries, UserQueries } from "../app/ports.ts";
import type { RefreshSession } from "../app/refresh-session.ts";
import type { UpdateUser } from "../app/update-user.ts";
import { normalizeEmail, userNotFound } from "../domain/user.ts";
import { toUserChanges } from "./user-changes.ts";
import { toOpenedSessionMessage, toSessionMessage, toUserMessage } from "./user-message.ts";

/** Creates the implementation of UserService. Who may call what is the contract's policy, enforced before it. */
export function createUserServiceImpl(deps: {
  queries: Pick<UserQueries, "get" | "list">;
  sessionQueries: Pick<SessionQueries, "list">;
  createUser: CreateUser;
  updateUser: UpdateUser;
  deleteUser: DeleteUser;
  changePassword: ChangePassword;
  createSession: CreateSession;
  refreshSession: RefreshSession;
  deleteSession: DeleteSession;
  pageTokens: PageTokens;
  now: () => number;
}): ServiceImpl<typeof UserService> {
  const { queries, sessionQueries, pageTokens } = deps;
  return {
    async createUser(request, context) {
      const { email, displayName, password } = request;
      const claim = requestClaim(context, CreateUserRequestSchema, request, { omit: ["password"] });
      return toUserMessage(await deps.createUser({ email, displayName, password }, claim));
    },

    async getUser({ name }, context) {
      const userId = ownUserId(context, name);
      const user = await queries.get(userId);
      if (user === undefined) throw userNotFound(userId);
      return toUserMessage(user);
    },

    async listUsers(request, context) {
      const email = normalizeEmail(request.email);
      const { items, nextPageToken } = await readPage({
        tokens: pageTokens,
        request,
        query: { list: "users", userId: userOf(context).userId, email },
        read: (afterId: string | undefined, limit) => queries.list({ email, afterId, limit }),
        cursorOf: (user) => user.id,
      });
      return { users: items.map(toUserMessage), nextPageToken };
    },

    async updateUser({ user, updateMask }, context) {
      const { name = "", etag = "" } = user ?? {};
      const userId = ownUserId(context, name, "user.name");
      const changes = user === undefined ? {} : toUserChanges(user, updateMask);
      return toUserMessage(await deps.updateUser(userId, changes, expectedVersion(etag)));
    },

    async deleteUser({ name, etag }, context) {
      await deps.deleteUser(ownUserId(context, name), expectedVersion(etag));
      return {};
    },

    async changePassword({ name, currentPassword, newPassword }, context) {
      const userId = ownUserId(context, name);
      const { sessionId } = userOf(context);
      return toUserMessage(await deps.changePassword({ userId, currentPassword, newPassword, sessionId }));
    },

    async createSession({ email, password }) {
      return toOpenedSessionMessage(await deps.createSession({ email, password }));
    },

    async refreshSession({ refreshToken }) {
      return toOpenedSessionMessage(await deps.refreshSession(refreshToken));
    },

    async deleteSession({ name }, context) {
      const caller = callerOf(context);
      await deps.deleteSession(fromName("sessions", name), (userId) => ownsOrAdmin(caller, userId));
      return {};
    },

    async listSessions(request, context) {
      const { userId } = userOf(context);
      const time = deps.now();
      const { items, nextPageToken } = await readPage({
        tokens: pageTokens,
        request,
        query: { list: "sessions", userId },
        read: (afterId: string | undefined, limit) => sessionQueries.list({ userId, time, afterId, limit }),
        cursorOf: (session) => session.id,
      });
      return { sessions: items.map(toSessionMessage), nextPageToken };
    },
  };
}

/** The id of the user that a call is about, `me` included. For anyone but them and administrators there is no such user. */
function ownUserId(context: CallerContext, name: string, field = "name"): string {
  const caller = userOf(context);
  const named = fromName("users", name, field);
  const userId = named === "me" ? caller.userId : named;
  if (!ownsOrAdmin(caller, userId)) throw userNotFound(userId);
  return userId;
}
