// Starts payment-svc on a folder, lets it ask the provider for money that takes its time, and says so. It is killed then.
import { createMemoryStage } from "@quartet/chassis/testing/broker-stages";
import { eventually } from "@quartet/chassis/testing/eventually";
import { brokerOn, startNeighbour } from "@quartet/chassis/testing/neighbour";
import { createTestTokens } from "@quartet/chassis/testing/test-tokens";
import { OrderReadyForPaymentSchema } from "@quartet/proto/shop/order/v1/order_events_pb";
import BetterSqlite3 from "better-sqlite3";
import { readPaymentConfig } from "./config.ts";
import { createService } from "./service.ts";

/** After this long nobody is going to kill it any more. */
const lifetimeMaxMs = 60_000;
setTimeout(() => process.exit(1), lifetimeMaxMs).unref();

const [dataDir = "", order = "", paymentToken = ""] = process.argv.slice(2);
const stage = await createMemoryStage();
const neighbour = await startNeighbour(stage, "payment-svc");
const config = readPaymentConfig({ DATA_DIR: dataDir, RPC_PORT: "0", HTTP_PORT: "0", LOG_LEVEL: "silent" });
const service = await createService(config, {
  broker: brokerOn(stage, "payment-svc"),
  keySet: createTestTokens().keySet,
});
await service.start();
await neighbour.say(OrderReadyForPaymentSchema, {
  order,
  user: "users/ada",
  amount: { currency: "EUR", minorUnits: 2598n },
  paymentToken,
});
const provider = new BetterSqlite3(`${dataDir}/test-provider.sqlite`, { readonly: true });
await eventually("the provider is being asked", () => provider.prepare("SELECT 1 FROM calls").get() !== undefined);
console.log("the provider is being asked");
