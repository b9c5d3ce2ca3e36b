import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { queueOf } from "@quartet/chassis/events/catalog";
import { eventually } from "@quartet/chassis/testing/eventually";
import { connect } from "amqplib";
import type { ServiceName } from "../../tools/stack/stack-config.ts";
import type { FaultShop } from "./fault-shop.ts";

/** "torn" cannot be decoded and is parked at once; "empty" can, but its handler fails, so that it is tried again first. */
export type PoisonKind = "torn" | "empty";

const payloads: Readonly<Record<PoisonKind, Buffer>> = { torn: Buffer.from([0xff]), empty: Buffer.alloc(0) };
const patienceMs = 60_000;

/** A message that a service cannot handle, in its queue and in nobody else's. */
export function poison(service: ServiceName, type: string, kind: PoisonKind) {
  const id = randomUUID();
  return {
    /** Sends it and waits until the service keeps it, once, with its cause. */
    async flow({ system }: FaultShop): Promise<void> {
      const connection = await connect(system.stack.urls.amqp);
      try {
        const channel = await connection.createConfirmChannel();
        channel.sendToQueue(queueOf(service), payloads[kind], {
          persistent: true,
          messageId: id,
          type,
          timestamp: Math.floor(Date.now() / 1000),
          contentType: "application/protobuf",
          headers: { "x-aggregate": "poison/1", "x-aggregate-version": 1, "x-time": Date.now() },
        });
        await channel.waitForConfirms();
      } finally {
        await connection.close();
      }
      const kept = () =>
        system.query<{ state: string; last_error: string }>(
          service,
          `SELECT state, last_error FROM inbox WHERE message_id = '${id}' AND state IN ('waiting', 'parked')`,
        );
      await eventually("the poison is kept", async () => (await kept()).length === 1, patienceMs);
      const [row] = await kept();
      assert.ok(row?.last_error, "it is kept without its cause");
      if (kind === "torn") assert.equal(row.state, "parked");
    },
    /** Forgets it, while the service does not run. */
    forget: ({ change }: FaultShop): void => change(service, `DELETE FROM inbox WHERE message_id = '${id}'`),
  };
}
