import { randomUUID } from "node:crypto";
import type { JsonObject } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { UserService } from "@quartet/proto/shop/user/v1/user_service_pb";
import {
  adminRequired,
  type BadCall,
  badCalls,
  invalidField,
  invalidPageToken,
  notFound,
  type Refusal,
  staleEtag,
  tampered,
} from "./bad-call.ts";
import type { StockedShop } from "./stocked-shop.ts";

const {
  createUser,
  getUser,
  listUsers,
  updateUser,
  deleteUser,
  changePassword,
  createSession,
  refreshSession,
  deleteSession,
  listSessions,
} = UserService.method;

const userNotFound = notFound("USER_NOT_FOUND");
const sessionNotFound = notFound("SESSION_NOT_FOUND");
const invalidCredentials: Refusal = { code: Code.Unauthenticated, reason: "INVALID_CREDENTIALS" };
const invalidRefreshToken: Refusal = { code: Code.Unauthenticated, reason: "INVALID_REFRESH_TOKEN" };
const longEnough = "correct horse battery staple";

const account = (changes: JsonObject): JsonObject => ({
  email: `${randomUUID()}@example.org`,
  password: longEnough,
  displayName: "Eve",
  ...changes,
});

const creating = badCalls(createUser, "nobody");
const creates: readonly BadCall[] = [
  creating("an e-mail address that is none", invalidField("email"), () => account({ email: "eve" })),
  creating("an e-mail address that is too long", invalidField("email"), () =>
    account({ email: `${"e".repeat(250)}@a.org` }),
  ),
  creating("a password that is too short", invalidField("password"), () => account({ password: "fourteen chars" })),
  creating("a password that is too long", invalidField("password"), () => account({ password: "x".repeat(129) })),
  creating("no name", invalidField("display_name"), () => account({ displayName: "" })),
  creating(
    "an e-mail address somebody has",
    { code: Code.AlreadyExists, reason: "EMAIL_TAKEN", field: "email" },
    (shop) => account({ email: shop.customerEmail.toUpperCase() }),
  ),
];

const updating = badCalls(updateUser, "customer");
const update = (changes: JsonObject, updateMask?: string) => (shop: StockedShop) => ({
  user: { name: shop.customer, ...changes },
  ...(updateMask === undefined ? {} : { updateMask }),
});
const changing = badCalls(changePassword, "customer");
const passwords = (currentPassword: string, newPassword: string) => (shop: StockedShop) => ({
  name: shop.customer,
  currentPassword,
  newPassword,
});
const changes: readonly BadCall[] = [
  updating("a stale etag", staleEtag, update({ displayName: "Eve", etag: '"99"' }, "displayName")),
  updating("a mask with an unknown path", invalidField("update_mask"), update({}, "shoeSize")),
  updating("a mask with a path that is read only", invalidField("update_mask"), update({ role: "ROLE_ADMIN" }, "role")),
  updating("no name where the mask wants one", invalidField("user.display_name"), update({}, "displayName")),
  updating("no e-mail address where the mask wants one", invalidField("user.email"), update({}, "email")),
  updating("an e-mail address that is none", invalidField("user.email"), update({ email: "eve" })),
  updating("the account of someone else", userNotFound, (shop) => ({
    user: { name: shop.stranger, displayName: "Eve" },
  })),
  updating("an account there is not", userNotFound, () => ({
    user: { name: `users/${randomUUID()}`, displayName: "E" },
  })),
  changing(
    "a wrong password",
    invalidField("current_password", "WRONG_PASSWORD"),
    passwords("not the right one", longEnough),
  ),
  changing("a new password that is too short", invalidField("new_password"), passwords(longEnough, "short")),
  badCalls(changePassword, "stranger")("the account of someone else", userNotFound, passwords(longEnough, longEnough)),
  badCalls(deleteUser, "customer")("a stale etag", staleEtag, (shop) => ({ name: shop.customer, etag: '"99"' })),
  badCalls(deleteUser, "customer")("the account of someone else", userNotFound, (shop) => ({ name: shop.stranger })),
  badCalls(deleteUser, "customer")("a name that is none", invalidField("name"), () => ({ name: "users/a b" })),
];

const refreshing = badCalls(refreshSession, "nobody");
const sessions: readonly BadCall[] = [
  badCalls(createSession, "nobody")("a wrong password", invalidCredentials, (shop) => ({
    email: shop.customerEmail,
    password: "not the right one",
  })),
  badCalls(createSession, "nobody")("an account there is not", invalidCredentials, () => ({
    email: `${randomUUID()}@example.org`,
    password: longEnough,
  })),
  refreshing("a refresh token that was never one", invalidRefreshToken, () => ({ refreshToken: "x".repeat(43) })),
  refreshing("a refresh token that is used up", invalidRefreshToken, (shop) => ({
    refreshToken: shop.usedRefreshToken,
  })),
  refreshing("no refresh token", invalidField("refresh_token"), () => ({})),
  badCalls(deleteSession, "customer")("the session of someone else", sessionNotFound, (shop) => ({
    name: shop.strangersSession,
  })),
  badCalls(deleteSession, "customer")("a session there is not", sessionNotFound, () => ({
    name: `sessions/${randomUUID()}`,
  })),
];

const reads: readonly BadCall[] = [
  badCalls(getUser, "customer")("the account of someone else", userNotFound, (shop) => ({ name: shop.stranger })),
  badCalls(listUsers, "customer")("a customer", adminRequired, () => ({})),
  badCalls(listUsers, "admin")("a negative page size", invalidField("page_size"), () => ({ pageSize: -1 })),
  badCalls(listUsers, "admin")("a page token that was changed", invalidPageToken, (shop) => ({
    pageToken: tampered(shop.pageTokens.users),
  })),
  badCalls(listSessions, "customer")("the page token of another list", invalidPageToken, ({ pageTokens }) => ({
    pageToken: pageTokens.users,
  })),
];

export const userCases: readonly BadCall[] = [...creates, ...changes, ...sessions, ...reads];
