import type { DescMethod, JsonObject } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type { StockedShop } from "./stocked-shop.ts";

/** Who makes a call: nobody sends no token, the stranger is another customer. */
export type CallerName = "nobody" | "customer" | "stranger" | "admin";

/** How a call is refused. */
export interface Refusal {
  readonly code: Code;
  readonly reason: string;
  /** The field of the request that is wrong, by its path in the contract. It is named in the message too. */
  readonly field?: string;
}

/** A call that has to be refused, alike through REST and gRPC, and that changes nothing. */
export interface BadCall {
  /** Completes the sentence "refuses …". */
  readonly what: string;
  readonly method: DescMethod;
  readonly by: CallerName;
  readonly refusal: Refusal;
  /** What REST answers instead, where its path or query cannot carry what is wrong. */
  readonly restRefusal?: Refusal;
  /** The request in protobuf's JSON form, which both ways derive from. */
  request(shop: StockedShop): JsonObject;
  /** Headers of REST, metadata of gRPC. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Describes bad calls of one method by one caller. */
export function badCalls(method: DescMethod, by: CallerName) {
  return (
    what: string,
    refusal: Refusal,
    request: (shop: StockedShop) => JsonObject,
    more: Pick<BadCall, "headers" | "restRefusal"> = {},
  ): BadCall => ({ what, method, by, refusal, request, ...more });
}

/** The refusal of a request with a wrong field. */
export function invalidField(field: string, reason = "INVALID_FIELDS"): Refusal {
  return { code: Code.InvalidArgument, reason, field };
}

/** The refusal of what does not exist, or not for the caller. */
export function notFound(reason: string): Refusal {
  return { code: Code.NotFound, reason };
}

/** The refusal of a page token that is not one of the query. */
export const invalidPageToken: Refusal = invalidField("page_token", "INVALID_PAGE_TOKEN");

/** The refusal of a change that expects another version than there is. */
export const staleEtag: Refusal = { code: Code.Aborted, reason: "ETAG_MISMATCH", field: "etag" };

/** The refusal of a customer where an administrator is needed. */
export const adminRequired: Refusal = { code: Code.PermissionDenied, reason: "ADMIN_REQUIRED" };

/** The same token with its last byte changed. */
export function tampered(token: string): string {
  const bytes = Buffer.from(token, "base64url");
  const last = bytes.length - 1;
  bytes.writeUInt8(bytes.readUInt8(last) ^ 1, last);
  return bytes.toString("base64url");
}
