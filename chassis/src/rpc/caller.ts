import { type ContextValues, createContextKey } from "@connectrpc/connect";
import { DomainError } from "../domain-error.ts";

/** A person, as a verified access token describes them. */
export interface UserCaller {
  readonly kind: "user";
  readonly userId: string;
  readonly role: "customer" | "admin";
  readonly sessionId: string;
}

/** Who makes a call. Anonymous callers reach public methods only. */
export type Caller = { readonly kind: "anonymous" } | UserCaller;

/** What carries the caller from the auth interceptor to the method. */
export interface CallerContext {
  readonly values: ContextValues;
}

const anonymous: Caller = { kind: "anonymous" };

/** Where the auth interceptor leaves the caller. Tests may set it; anything else reads it through callerOf. */
export const callerKey = createContextKey<Caller>(anonymous, { description: "the caller, once verified" });

/** The verified caller of a call. */
export function callerOf(context: CallerContext): Caller {
  return context.values.get(callerKey);
}

/** The person who makes a call. Throws `unauthenticated` MISSING_TOKEN when it is anonymous. */
export function userOf(context: CallerContext): UserCaller {
  const caller = callerOf(context);
  if (caller.kind !== "user") throw missingToken();
  return caller;
}

/** Whether a caller may see what belongs to a user: their own, and for administrators everything. */
export function ownsOrAdmin(caller: Caller, ownerUserId: string): boolean {
  return caller.kind === "user" && (caller.role === "admin" || caller.userId === ownerUserId);
}

/** A stable name of the caller for logs and request claims: `users/<id>` or `anonymous`. */
export function callerName(caller: Caller): string {
  return caller.kind === "user" ? `users/${caller.userId}` : "anonymous";
}

/** The error of a call that needs an access token and has none. */
export function missingToken(): DomainError {
  return new DomainError("unauthenticated", "MISSING_TOKEN", "this method needs an access token");
}
