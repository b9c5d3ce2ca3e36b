import { createHmac, timingSafeEqual } from "node:crypto";
import { invalidField } from "./domain-error.ts";

/** Page size where the caller asks for none. */
export const pageSizeDefault = 50;
/** Largest page; a caller who asks for more gets this many. */
export const pageSizeMax = 100;

/** Returns the page size to use for the one asked for (AIP-158). */
export function pageSizeOf(requested: number): number {
  return requested <= 0 ? pageSizeDefault : Math.min(requested, pageSizeMax);
}

/** Makes and reads the tokens of one service's lists. */
export interface PageTokens {
  /** Returns an opaque token for `cursor`, good for this query only. Query and cursor are JSON values. */
  encode(query: unknown, cursor: unknown): string;
  /**
   * Returns the cursor in a token, or undefined for the empty token of a first page. Throws an `invalid` DomainError
   * INVALID_PAGE_TOKEN when the token was made for another query, by another service, or was changed.
   */
  decode<T>(query: unknown, token: string): T | undefined;
}

const macBytes = 16;

/** Creates page tokens that are authenticated with `key`: the cursor can be read by anyone and changed by nobody. */
export function createPageTokens(options: { key: Uint8Array }): PageTokens {
  const mac = (query: unknown, cursor: Buffer) =>
    createHmac("sha256", options.key)
      .update(JSON.stringify(query))
      .update("\0")
      .update(cursor)
      .digest()
      .subarray(0, macBytes);

  return {
    encode(query, cursor) {
      const body = Buffer.from(JSON.stringify(cursor));
      return Buffer.concat([mac(query, body), body]).toString("base64url");
    },
    decode<T>(query: unknown, token: string): T | undefined {
      if (token === "") return undefined;
      const bytes = Buffer.from(token, "base64url");
      const body = bytes.subarray(macBytes);
      const isOurs =
        bytes.length > macBytes &&
        bytes.toString("base64url") === token &&
        timingSafeEqual(bytes.subarray(0, macBytes), mac(query, body));
      if (!isOurs) throw invalidField("INVALID_PAGE_TOKEN", "page_token", "is not a token of this query");
      return JSON.parse(body.toString()) as T;
    },
  };
}
