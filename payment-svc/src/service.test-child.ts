// Starts payment-svc on a folder, lets it ask the provider for something that takes its time, and says so. It is killed
// then. What it asks for is the money of an order, or with a request id a refund of 10.00 once the money was captured.
import { createMemoryStage } from "@quartet/chassis/testing/broker-stages";
import { eventually } from "@quartet/chassis/testing/eventually";
import { brokerOn, startNeighbour } from "@quartet/chassis/testing/neighbour";
import { createTestTokens } from "@quartet/chassis/testing/test-tokens";
import { OrderReadyForPaymentSchema } from "@quartet/proto/shop/order/v1/order_events_pb";
import { PaymentService } from "@quartet/proto/shop/payment/v1/payment_service_pb";
import BetterSqlite3 from "better-sqlite3";
import { readPaymentConfig } from "./config.ts";
import { createService } from "./service.ts";

/** After this long nobody is going to kill it any more. */
const lifetimeMaxMs = 60_000;
setTimeout(() => process.exit(1), lifetimeMaxMs).unref();

const [dataDir = "", id = "", paymentToken = "", requestId = ""] = process.argv.slice(2);
const tokens = createTestTokens();
const stage = await createMemoryStage();
const neighbour = await startNeighbour(stage, "payment-svc");
const config = readPaymentConfig({ DATA_DIR: dataDir, RPC_PORT: "0", HTTP_PORT: "0", LOG_LEVEL: "silent" });
const service = await createService(config, {
  broker: brokerOn(stage, "payment-svc"),
  keySet: tokens.keySet,
});
const { httpPort } = await service.start();
await neighbour.say(OrderReadyForPaymentSchema, {
  order: `orders/${id}`,
  user: "users/ada",
  amount: { currency: "EUR", minorUnits: 2598n },
  paymentToken,
});
if (requestId !== "") {
  const name = `payments/${id}`;
  await eventually(
    "the money is captured",
    async () => (await post("GetPayment", { name })).state === "STATE_CAPTURED",
  );
  await post("RefundPayment", { name, requestId, amount: { currency: "EUR", minorUnits: "1000" } });
}
const provider = new BetterSqlite3(`${dataDir}/test-provider.sqlite`, { readonly: true });
const key = requestId === "" ? `capture/${id}` : `refund/${id}/${requestId}`;
const call = provider.prepare("SELECT 1 FROM calls WHERE key = ?");
await eventually("the provider is being asked", () => call.get(key) !== undefined);
console.log("the provider is being asked");

async function post(method: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(`http://127.0.0.1:${httpPort}/${PaymentService.typeName}/${method}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${await tokens.sign({ userId: "root", role: "admin" })}`,
    },
    body: JSON.stringify(body),
  });
  return (await response.json()) as Record<string, unknown>;
}
