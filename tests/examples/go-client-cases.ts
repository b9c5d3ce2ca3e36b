import assert from "node:assert/strict";
import { join } from "node:path";
import { before, describe, it } from "mocha";
import { outputOf } from "../../tools/stack/commands.ts";
import { startExample } from "./example-process.ts";
import type { ExampleShop } from "./example-shop.ts";
import { buildGoClient, findGo } from "./programs.ts";

const sourceDir = join(import.meta.dirname, "..", "..", "examples", "go-client");

/** What the Go client does on a running shop. */
export function goClientCases(shop: () => ExampleShop): void {
  describe("Go client", () => {
    let binary: string;
    let go: string;

    before(async function () {
      const found = findGo(process.env);
      if ("missing" in found) {
        console.log(found.missing);
        this.skip();
      }
      go = found.file;
      binary = await buildGoClient(go);
    });

    const start = (...args: string[]) =>
      startExample(binary, ["-gateway", new URL(shop().system.gateway).host, ...args]);
    const timelineOf = (output: string) =>
      [...output.matchAll(/^ +(\d+) (\w+) (\S+)$/gm)].map(([, sequence, state, cause = ""]) => [
        Number(sequence),
        state,
        cause.split(".").at(-1),
      ]);

    it("signs up, orders and follows the order until it is settled", async () => {
      const client = start();
      assert.equal(await client.ended, 0, client.output);
      assert.match(client.output, /^signed up users\/[0-9a-f-]+$/m);
      assert.match(client.output, /^placed orders\/[0-9a-f-]+: 2 × Cup, 2598 minor units of EUR$/m);
      assert.deepEqual(timelineOf(client.output), [
        [1, "STATE_PENDING", "OrderPlaced"],
        [2, "STATE_AWAITING_PAYMENT", "StockReserved"],
        [3, "STATE_CONFIRMED", "PaymentCaptured"],
        [4, "STATE_CONFIRMED", "StockSold"],
      ]);
      const [, name] =
        /^settled (orders\/[0-9a-f-]+): STATE_CONFIRMED CANCEL_REASON_UNSPECIFIED$/m.exec(client.output) ?? [];
      const [row] = await shop().system.query<{ state: string }>(
        "order-svc",
        `SELECT state FROM orders WHERE 'orders/' || id = '${name}'`,
      );
      assert.equal(row?.state, "CONFIRMED");
    });

    it("sees an order cancelled whose payment is declined", async () => {
      const client = start("-payment-token", "tok_declined");
      assert.equal(await client.ended, 0, client.output);
      assert.match(client.output, /^settled \S+: STATE_CANCELLED CANCEL_REASON_PAYMENT_DECLINED$/m);
    });

    it("goes on after the last entry it saw when order-svc is killed under it", async () => {
      const client = start("-payment-token", "tok_delay_4000");
      await client.writes(/STATE_AWAITING_PAYMENT/);
      await shop().system.kill("order-svc");
      assert.equal(await client.ended, 0, client.output);
      assert.deepEqual(
        timelineOf(client.output).map(([sequence]) => sequence),
        [1, 2, 3, 4],
      );
    });

    it("waits for a gateway that is away for a moment", async () => {
      await shop().system.stop("envoy");
      const client = start();
      await shop().system.start("envoy");
      assert.equal(await client.ended, 0, client.output);
    });

    it("prints which field is wrong, and the reason that programs can rely on", async () => {
      const client = start("-payment-token", "4111 1111 1111 1111");
      assert.equal(await client.ended, 1);
      assert.match(client.output, /^order: rpc error: code = InvalidArgument/m);
      assert.match(client.output, /^ {2}payment_token: /m);
      assert.match(client.output, /^ {2}reason [A-Z_]+ of quartet/m);
    });

    it("ends at its deadline", async () => {
      const startTime = performance.now();
      const client = start("-payment-token", "tok_delay_60000", "-timeout", "2s");
      assert.equal(await client.ended, 1);
      assert.match(client.output, /code = DeadlineExceeded/);
      assert.ok(performance.now() - startTime < 6_000);
    });

    it("is formatted and vetted", () => {
      assert.equal(outputOf(join(go, "..", "gofmt"), ["-l", join(sourceDir, "main.go")]), "");
      assert.equal(outputOf(go, ["-C", sourceDir, "vet", "."], 120_000), "");
    });
  });
}
