import { randomBytes } from "node:crypto";

const refreshTokenBytes = 32;

/** Makes up a refresh token: 256 bits that nobody can guess, as text that needs no escaping anywhere. */
export function newRefreshToken(): string {
  return randomBytes(refreshTokenBytes).toString("base64url");
}
