import type { Interceptor } from "@connectrpc/connect";
import { Access } from "@quartet/proto/shop/options/v1/options_pb";
import type { TokenVerifier } from "../../auth/token-verifier.ts";
import { DomainError } from "../../domain-error.ts";
import { type Caller, callerKey, missingToken } from "../caller.ts";
import { methodPath, policyOf } from "../policy.ts";

const bearerPattern = /^bearer +([^\s,]+)$/i;

/**
 * Verifies the caller's access token and enforces who may call a method by its policy; callerOf answers from then on.
 * A token is verified wherever one is sent: a public method needs none, but refuses a bad one. Whether a resource belongs
 * to the caller is for the method itself to check.
 */
export function createAuthInterceptor(options: { readonly verifier: TokenVerifier }): Interceptor {
  return (next) => async (request) => {
    const caller = await identify(request.header.get("authorization"), options.verifier);
    enforce(policyOf(request.method).access, caller, methodPath(request.method));
    request.contextValues.set(callerKey, caller);
    return next(request);
  };
}

async function identify(authorization: string | null, verifier: TokenVerifier): Promise<Caller> {
  if (authorization === null || authorization === "") return { kind: "anonymous" };
  const token = bearerPattern.exec(authorization)?.[1];
  if (token === undefined) {
    throw new DomainError("unauthenticated", "INVALID_TOKEN", "the authorization header is not `Bearer <token>`");
  }
  return verifier.verify(token);
}

function enforce(access: Access, caller: Caller, method: string): void {
  switch (access) {
    case Access.PUBLIC:
      return;
    case Access.USER:
    case Access.OWNER:
      if (caller.kind !== "user") throw missingToken();
      return;
    case Access.ADMIN:
      if (caller.kind !== "user") throw missingToken();
      if (caller.role === "admin") return;
      throw new DomainError("permission_denied", "ADMIN_REQUIRED", "this method is for administrators");
    default:
      // Internal methods too: no caller can prove yet to be a service.
      throw new DomainError("permission_denied", "NOT_CALLABLE", `${method} cannot be called`);
  }
}
