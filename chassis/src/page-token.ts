import { createHmac, timingSafeEqual } from "node:crypto";
import { invalidField } from "./domain-error.ts";

/** Page size where the caller asks for none. */
const pageSizeDefault = 50;
/** Largest page; a caller who asks for more gets this many. */
export const pageSizeMax = 100;

/** Returns the page size to use for the one asked for (AIP-158). */
function pageSizeOf(requested: number): number {
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

/** One page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

/**
 * Reads the page that a request asks for. `query` is what the list depends on, the caller included where it does: a token
 * is good for the same query only. `read` gets the cursor of the last item before the page, undefined for the first
 * page, and one item more than asked for, which tells whether there is a next page. Throws as decode() does.
 */
export async function readPage<T, Cursor>(options: {
  readonly tokens: PageTokens;
  readonly request: { readonly pageSize: number; readonly pageToken: string };
  readonly query: unknown;
  readonly read: (after: Cursor | undefined, limit: number) => Promise<readonly T[]>;
  readonly cursorOf: (item: T) => Cursor;
}): Promise<Page<T>> {
  const { tokens, request, query, read, cursorOf } = options;
  const size = pageSizeOf(request.pageSize);
  const found = await read(tokens.decode<Cursor>(query, request.pageToken), size + 1);
  const items = found.slice(0, size);
  const last = items.at(-1);
  const hasMore = found.length > size && last !== undefined;
  return { items, nextPageToken: hasMore ? tokens.encode(query, cursorOf(last)) : "" };
}
