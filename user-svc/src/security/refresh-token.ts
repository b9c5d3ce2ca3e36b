import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { uuidFromBytes, uuidToBytes } from "@quartet/chassis/ids";
import type { RefreshToken, RefreshTokens } from "../app/ports.ts";

const [idBytes, generationBytes, secretBytes, macBytes] = [16, 4, 32, 16];
const bodyBytes = idBytes + generationBytes + secretBytes;

/**
 * Creates the refresh tokens of one database: session id, generation, 256 bits that nobody can guess, and a MAC by `key`
 * over all of it, as text that needs no escaping anywhere. The secret alone makes a token good, by its hash; the MAC
 * tells an earlier generation of a session from something made up, so that used tokens need not be kept. Whoever steals
 * the database, key included, can renew nothing with it.
 */
export function createRefreshTokens(options: { key: Uint8Array }): RefreshTokens {
  const mac = (body: Buffer) => createHmac("sha256", options.key).update(body).digest().subarray(0, macBytes);
  return {
    create(sessionId, generation) {
      const head = Buffer.alloc(idBytes + generationBytes);
      head.set(uuidToBytes(sessionId));
      head.writeUInt32BE(generation, idBytes);
      const body = Buffer.concat([head, randomBytes(secretBytes)]);
      return toToken(body, Buffer.concat([body, mac(body)]).toString("base64url"));
    },
    read(text) {
      const bytes = Buffer.from(text, "base64url");
      const body = bytes.subarray(0, bodyBytes);
      const isOurs =
        bytes.length === bodyBytes + macBytes &&
        bytes.toString("base64url") === text &&
        timingSafeEqual(bytes.subarray(bodyBytes), mac(body));
      return isOurs ? toToken(body, text) : undefined;
    },
  };
}

function toToken(body: Buffer, text: string): RefreshToken {
  return {
    text,
    sessionId: uuidFromBytes(body.subarray(0, idBytes)),
    generation: body.readUInt32BE(idBytes),
    hash: createHash("sha256").update(text).digest("base64url"),
  };
}
