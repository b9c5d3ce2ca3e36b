// A service that consumes OrderReadyForPayment: node poisoned-service.ts <folder> <service> <exchange> <AMQP address>.
// What it does with an event depends on the order's name: some make it fail, until there is a file "healed".
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createAmqpBroker } from "@quartet/chassis/broker/amqp-broker";
import { createConsumer } from "@quartet/chassis/broker/consumer";
import { onEvent } from "@quartet/chassis/broker/on-event";
import { DomainError } from "@quartet/chassis/domain-error";
import { queueOf } from "@quartet/chassis/events/catalog";
import { silentLogger } from "@quartet/chassis/log";
import { createMetrics } from "@quartet/chassis/metrics";
import { openDatabase } from "@quartet/chassis/storage/database";
import { createInbox } from "@quartet/chassis/storage/inbox";
import { chassisMigrations, migrate } from "@quartet/chassis/storage/migrate";
import { createUnitOfWork } from "@quartet/chassis/storage/unit-of-work";
import { OrderReadyForPaymentSchema } from "@quartet/proto/shop/order/v1/order_events_pb";

const [folder = "", service = "", exchange = "", url = ""] = process.argv.slice(2);
const type = OrderReadyForPaymentSchema.typeName;
const now = Date.now;
const log = silentLogger();
const metrics = createMetrics({ service });
const database = openDatabase({ file: join(folder, `${service}.sqlite`) });
await migrate(database, [chassisMigrations]);
const unitOfWork = createUnitOfWork({ database, now });
const inbound = { queue: queueOf(service), types: [type] };
const broker = createAmqpBroker({
  url: () => url,
  topology: { exchange, publishes: new Map(), outbound: [], inbound },
  appId: service,
  log,
  metrics,
  queueSettleTimeMs: 0,
});

function fail(order: string): void {
  const [kind] = order.split("-");
  if (kind === "orders/throws") throw new TypeError("cannot read that");
  if (kind === "orders/refused") {
    throw new DomainError("failed_precondition", "ORDER_CLOSED", "the order is closed");
  }
  if (kind === "orders/kills") process.kill(process.pid, "SIGKILL");
}

const consumer = createConsumer({
  service,
  broker,
  inbox: createInbox({ database, now }),
  catalog: new Map([
    [type, { type, publisher: "order-svc", consumers: [service], schema: OrderReadyForPaymentSchema }],
  ]),
  handlers: [
    onEvent(OrderReadyForPaymentSchema, async ({ order }, message) => {
      if (!existsSync(join(folder, "healed"))) fail(order);
      return await unitOfWork.ignoreMessage(message);
    }),
  ],
  leader: { isLeader: true },
  log,
  metrics,
  now,
  retryDelaysMs: [200],
  dueIntervalMs: 50,
});
broker.start();
consumer.start();
const gauge = metrics.registry.getSingleMetric("inbox_parked_messages");
setInterval(async () => {
  const [value] = (await gauge?.get())?.values ?? [];
  // What it says also tells that it runs.
  if (broker.connected) console.log(String(value?.value));
}, 50);
