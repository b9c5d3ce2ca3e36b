import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { assertBooksAgree } from "../../../tools/audit/assert-books-agree.ts";
import type { ServiceName } from "../../../tools/stack/stack-config.ts";
import { type FaultShop, openFaultShop } from "../fault-shop.ts";
import { runRound } from "./fail-point-round.ts";
import { settled } from "./order-flows.ts";

const type = "shop.order.v1.OrderPlaced";

/** How often product-svc gets a message again that it has handled, when its sender or itself dies at a moment. */
const moments: readonly (readonly [service: ServiceName, moment: string, duplicates: number])[] = [
  ["order-svc", "relay.before-publish", 0],
  ["order-svc", "relay.after-publish", 1],
  ["order-svc", "relay.after-confirm", 1],
  ["order-svc", "relay.after-mark", 0],
  ["product-svc", "transaction.before-commit", 0],
  ["product-svc", "transaction.after-commit", 1],
  ["product-svc", "consumer.before-ack", 1],
  ["product-svc", "consumer.after-ack", 0],
];

// Were these moments elsewhere than their names say, the cases of fail-points.verify.ts would try less than they claim.
describe("the moment at which a service dies", function () {
  this.timeout(240_000);
  let shop: FaultShop;

  before(async () => {
    shop = await openFaultShop();
    // What goes into a new queue before its publisher has first looked there may go there twice.
    await settled(shop);
    await assertBooksAgree(shop.system);
  });
  after(async () => {
    await shop?.close();
  });

  /** Counted since product-svc started. */
  const duplicates = async () => {
    const response = await fetch(`${shop.system.stack.urls.http["product-svc"]}/metrics`);
    const lines = (await response.text()).split("\n").filter((line) => line.startsWith("inbox_messages_total{"));
    const found = lines.find((line) => line.includes(`"${type}"`) && line.includes('"duplicate"'));
    return Number(found?.split(" ").at(-1) ?? 0);
  };

  for (const [service, moment, expected] of moments) {
    it(`${moment} makes ${expected === 0 ? "no duplicate" : "one duplicate"}`, async () => {
      const earlier = service === "product-svc" ? 0 : await duplicates();
      await runRound(shop, [{ service, deaths: [`${moment}:${type}`], flow: settled }]);
      assert.equal((await duplicates()) - earlier, expected);
    });
  }
});
