// One of two processes of product-svc on one file: node disorder.test-child.ts <folder> <seed>. Gets every message up to 5
// times, shuffled among 100, as soon as the folder has a file "go", and prints how many effects it has committed.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadContract } from "@quartet/chassis/contract";
import { createEventFlow } from "@quartet/chassis/event-flow";
import { eventCatalog } from "@quartet/chassis/events/catalog";
import { topologyOf } from "@quartet/chassis/events/topology";
import { silentLogger } from "@quartet/chassis/log";
import { openServiceCore } from "@quartet/chassis/service-core";
import { createLeaderLock } from "@quartet/chassis/storage/leader-lock";
import { eventually } from "@quartet/chassis/testing/eventually";
import { createMemoryBroker } from "@quartet/chassis/testing/memory-broker";
import { readProductConfig } from "../../../product-svc/src/config.ts";
import { migrations } from "../../../product-svc/src/migrations.ts";
import { createParts } from "../../../product-svc/src/service.ts";
import { createRandom } from "../../simulation/random.ts";
import { stockMessages } from "./stock-messages.ts";

const timeoutMs = 60_000;
const [dir = "", seed = ""] = process.argv.slice(2);
const random = createRandom(seed);
const catalog = eventCatalog(loadContract().registry.files);
const config = readProductConfig({ DATA_DIR: dir });
const core = await openServiceCore({ name: "product-svc", config, migrations, log: silentLogger() });
const topology = (service: string) => topologyOf(catalog, { service, exchange: "test.events" });

const broker = createMemoryBroker();
broker.faults.copies = () => random.integer(1, 5);
broker.faults.shuffle = { window: 100, random: random.next };
const [own, orders] = [broker.client(topology("product-svc")), broker.client(topology("order-svc"))];
const leader = createLeaderLock({ file: core.database.file, onError: console.error });
const { consumer } = createEventFlow(core, { ...createParts(core), broker: own, leader, catalog });
leader.start();
orders.start();
await eventually("the broker is reached", () => orders.connected);
await Promise.all(stockMessages().map((message) => orders.publish(message)));
await eventually("both processes are ready", () => existsSync(join(dir, "go")), timeoutMs);
own.start();
consumer.start();
// A sale that comes before its hold fails, waits in the inbox and is tried again by the process that leads.
const undone = core.database.sqlite.prepare<[], number>("SELECT count(*) FROM inbox WHERE state <> 'done'").pluck();
const isDone = () => broker.depth("product-svc.events") === 0 && undone.get() === 0;
await eventually("all messages are handled", isDone, timeoutMs);
await consumer.stop();

const { values = [] } = (await core.metrics.registry.getSingleMetric("inbox_messages_total")?.get()) ?? {};
const countOf = (result: string) =>
  values.filter(({ labels }) => labels.result === result).reduce((sum, { value }) => sum + value, 0);
console.log(JSON.stringify({ done: countOf("done"), duplicate: countOf("duplicate"), failed: countOf("failed") }));
await leader.stop();
await core.database.close();
process.exit();
