import { readFileSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { JSONWebKeySet } from "jose";
import { failPoint } from "../fail-point.ts";
import type { Logger } from "../log.ts";
import { acceptedKeys } from "./accepted-keys.ts";

/** Reads kept keys; undefined when there is no such file or nothing usable in it, which is logged. */
export function readKeyFile(file: string, log: Logger): JSONWebKeySet | undefined {
  let content: string;
  try {
    content = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") log.warn({ file, err: error }, "cannot read token keys");
    return undefined;
  }
  try {
    const keys = acceptedKeys(JSON.parse(content));
    if (keys === undefined) log.warn({ file }, "no usable key in the kept token keys");
    return keys;
  } catch (error) {
    log.warn({ file, err: error }, "kept token keys are damaged");
    return undefined;
  }
}

/**
 * Replaces the kept keys. After a crash at any point the file holds either the old keys or the new ones, whole.
 * Rejects when the disk refuses; the old file is then untouched.
 */
export async function writeKeyFile(file: string, keys: JSONWebKeySet): Promise<void> {
  const draft = `${file}.${process.pid}.new`;
  try {
    await writeThrough(draft, JSON.stringify(keys));
    failPoint("key-file.before-rename");
    await rename(draft, file);
    failPoint("key-file.after-rename");
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  // The rename itself is durable only when the folder is.
  const folder = await open(dirname(file), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function writeThrough(file: string, content: string): Promise<void> {
  const handle = await open(file, "w", 0o644);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
