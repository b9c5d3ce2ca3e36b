import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { patient, shopClient } from "../../e2e/shop-client.ts";
import type { FaultShop } from "../fault-shop.ts";
import { deathsIn, placeOf } from "./deaths.ts";

const rootDir = join(import.meta.dirname, "..", "..", "..");

/** Where set-admin may die, and whether the administrator is there then. */
export const setAdminPoints: readonly (readonly [failPoint: string, isThere: boolean])[] = [
  ["start.after-migration", false],
  ["transaction.before-begin", false],
  ["outbox.after-append:shop.user.v1.UserCreated", false],
  ["transaction.after-work", false],
  ["transaction.before-commit", false],
  ["transaction.after-commit", true],
  ["transaction.before-listeners", true],
  ["set-admin.after-save", true],
  ["database.before-checkpoint", true],
  ["database.after-checkpoint", true],
];

/**
 * Asserts that set-admin, killed at a fail point beside the running user-svc, leaves a whole administrator or none, and that
 * running it again makes one.
 */
export async function assertSetAdmin(shop: FaultShop, failPoint: string, isThere: boolean): Promise<void> {
  const account = { email: `${randomUUID()}@example.org`, password: "correct horse battery staple" };
  const logIn = () => patient(shopClient(shop.system.gateway)).call("POST", "/v1/sessions", account);
  const killed = await setAdmin(shop, account, { FAIL_POINT: failPoint });
  assert.deepEqual([killed.signal, deathsIn(killed.said).map(placeOf)], ["SIGKILL", [placeOf(failPoint)]]);
  assert.equal((await logIn()).status, isThere ? 200 : 401);
  const done = await setAdmin(shop, account, {});
  assert.equal(done.code, 0, done.said);
  const { status, body } = await logIn();
  assert.equal(status, 200, JSON.stringify(body));
  const users = await shopClient(shop.system.gateway, body.accessToken).get("/v1/users?pageSize=1");
  assert.equal(users.status, 200, "no administrator");
}

async function setAdmin(
  { dataDir }: FaultShop,
  { email, password }: { email: string; password: string },
  env: Record<string, string>,
) {
  const child = spawn(process.execPath, ["--conditions=source", "src/set-admin.ts", email], {
    cwd: join(rootDir, "user-svc"),
    env: { ...process.env, ...env, DATA_DIR: join(dataDir, "user-svc") },
    stdio: ["pipe", "ignore", "pipe"],
  });
  const closed = once(child, "close");
  child.stdin.end(password);
  const said = await text(child.stderr);
  const [code, signal] = await closed;
  return { said, code, signal };
}
