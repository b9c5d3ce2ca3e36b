import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { ServiceName } from "../../tools/stack/stack-config.ts";
import type { ComposeSystem } from "./compose-system.ts";

const rootDir = join(import.meta.dirname, "..", "..");

/** Puts a message that cannot be decoded into a service's queue by RabbitMQ's management page. Returns its id. */
export async function poisonInDocker({ env }: ComposeSystem, service: ServiceName, type: string): Promise<string> {
  const id = randomUUID();
  const password = inContainer(env, "rabbitmq", "cat", "/secret/password").trim();
  const url = `http://127.0.0.1:${env.RABBITMQ_MANAGEMENT_PORT}/api/exchanges/%2F/amq.default/publish`;
  const response = await fetch(url, {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from(`quartet:${password}`).toString("base64")}` },
    body: JSON.stringify({
      routing_key: `${service}.events`,
      payload: Buffer.from([0xff]).toString("base64"),
      payload_encoding: "base64",
      properties: {
        delivery_mode: 2,
        message_id: id,
        type,
        timestamp: Math.floor(Date.now() / 1000),
        content_type: "application/protobuf",
        headers: { "x-aggregate": "poison/1", "x-aggregate-version": 1, "x-time": Date.now() },
      },
    }),
  });
  assert.deepEqual(await response.json(), { routed: true });
  return id;
}

/** Removes a parked message for good, which nobody but a test does. */
export function forgetInDocker({ env }: ComposeSystem, service: ServiceName, id: string): void {
  const program = `new (require("better-sqlite3"))("/data/${service}.sqlite").prepare("DELETE FROM inbox WHERE message_id = ?").run("${id}")`;
  inContainer(env, service, "node", "--eval", program);
}

function inContainer(env: NodeJS.ProcessEnv, part: string, ...command: string[]): string {
  const args = ["compose", "exec", "-T", part, ...command];
  const { status, stdout, stderr } = spawnSync("docker", args, { cwd: rootDir, env, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout;
}
