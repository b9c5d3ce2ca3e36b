import assert from "node:assert/strict";
import { it } from "mocha";
import { describeCheckout } from "./checkout-suite.ts";
import { startComposeSystem, whyNoCompose } from "./compose-system.ts";
import { protocolCases } from "./protocol-suite.ts";

const reason = whyNoCompose();
if (reason === undefined) {
  describeCheckout("docker compose", startComposeSystem, (shop) => {
    protocolCases(shop);
    for (const part of ["product-svc", "payment-svc", "order-svc", "user-svc", "rabbitmq"] as const) {
      it(`settles orders that were under way when ${part} was killed`, async () => {
        const { ada, cup, system } = shop();
        const orders = await Promise.all([1, 2, 3, 4].map((quantity) => ada.order([{ product: cup, quantity }])));
        await system.kill(part);
        for (const order of orders) assert.equal((await ada.settles(order)).state, "STATE_CONFIRMED");
      });
    }
  });
} else {
  it(`the shop on docker compose: ${reason}`, function () {
    this.skip();
  });
}
