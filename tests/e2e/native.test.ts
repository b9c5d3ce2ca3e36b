import assert from "node:assert/strict";
import { eventually } from "@quartet/chassis/testing/eventually";
import { it } from "mocha";
import { unreachedServices } from "../../tools/stack/gateway-reaches.ts";
import { describeCheckout } from "./checkout-suite.ts";
import { startNativeSystem } from "./native-system.ts";
import { protocolCases } from "./protocol-suite.ts";

describeCheckout(
  "this machine",
  () => startNativeSystem(),
  (shop) => {
    protocolCases(shop);

    it("knows which services the gateway reaches", async () => {
      const { stop, start, stack } = shop().system;
      const unreached = () => unreachedServices(stack.ports);
      assert.deepEqual(await unreached(), []);
      await stop("payment-svc");
      await eventually("the gateway gives payment-svc up", async () => (await unreached()).includes("payment-svc"));
      assert.deepEqual(await unreached(), ["payment-svc"]);
      await start("payment-svc");
      assert.deepEqual(await unreached(), []);
    });
  },
);
