import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

const secretBytes = 24;

/** Writes a file that only its owner may read, whole or not at all. */
export function writeSecretFile(file: string, content: string, mode = 0o600): void {
  mkdirSync(dirname(file), { recursive: true });
  const part = `${file}.${process.pid}.part`;
  writeFileSync(part, content, { mode });
  chmodSync(part, mode);
  renameSync(part, file);
}

/** The secret kept in this file; the first call makes a random one of 48 hexadecimal digits. */
export function readOrCreateSecret(file: string, mode = 0o600): string {
  if (existsSync(file)) {
    const kept = readFileSync(file, "utf8").trim();
    if (kept !== "") return kept;
  }
  const secret = randomBytes(secretBytes).toString("hex");
  writeSecretFile(file, secret, mode);
  return secret;
}
