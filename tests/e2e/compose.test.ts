import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "mocha";
import { describeCheckout } from "./checkout-suite.ts";
import { type ComposeSystem, startComposeSystem, whyNoCompose } from "./compose-system.ts";
import { protocolCases } from "./protocol-suite.ts";
import { logIn, newProduct } from "./shop-client.ts";

const rootDir = join(import.meta.dirname, "..", "..");
const reason = whyNoCompose();
if (reason === undefined) {
  let compose: ComposeSystem;
  const open = async () => {
    compose = await startComposeSystem();
    return compose;
  };
  describeCheckout("docker compose", open, (shop) => {
    protocolCases(shop);

    const make = (...args: string[]) => spawnSync("make", args, { cwd: rootDir, env: compose.env, encoding: "utf8" });
    const audit = () => make("audit");
    it("passes make audit, which has looked at everything", () => {
      const { status, stdout } = audit();
      assert.match(stdout, /Everything adds up\.\n$/);
      assert.equal(status, 0);
    });
    it("says of make audit which service it could not ask", async () => {
      await shop().system.stop("product-svc");
      const { status, stdout } = audit();
      await shop().system.start("product-svc");
      assert.match(stdout, /product-svc: its container does not answer\n[\s\S]*What was looked at adds up\.\n$/);
      assert.equal(status, 0);
    });
    it("restores by make what make backup has kept, and publishes it again by make replay", async () => {
      const { ada, cup, system } = shop();
      const folder = mkdtempSync(join(tmpdir(), "quartet-compose-"));
      try {
        const kept = await ada.order([{ product: cup, quantity: 1 }]);
        await ada.settles(kept);
        const backup = make("backup", `TO=${folder}/kept`);
        assert.match(backup.stderr, /Backed up 5 files of .* checked\./);
        const since = await newProduct(await logIn(system.gateway, system.admin));
        assert.match(make("restore", `FROM=${folder}/kept`).stderr, /Quartet is running: stop everything first/);
        assert.equal(make("down").status, 0);
        const restored = make("restore", `FROM=${folder}/kept`);
        assert.match(restored.stderr, /Everything is as it was at/);
        await system.ready();
        assert.equal((await ada.settles(kept)).state, "STATE_CONFIRMED");
        assert.equal((await ada.get(`/v1/${since}`)).status, 404);
        assert.match(make("replay").stderr, /No event has to be published again\./);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });

    it("accepts orders while everything but order-svc is stopped, and settles them when it is back", async () => {
      const { ada, cup, system } = shop();
      const parts = ["product-svc", "payment-svc", "user-svc", "rabbitmq"] as const;
      for (const part of parts) await system.stop(part);
      const order = await ada.order([{ product: cup, quantity: 1 }]);
      assert.equal(order.state, "STATE_PENDING");
      await system.stop("order-svc");
      for (const part of ["order-svc", ...parts] as const) await system.start(part);
      assert.equal((await ada.settles(order)).state, "STATE_CONFIRMED");
    });

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
