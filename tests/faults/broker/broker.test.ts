import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { eventually } from "@quartet/chassis/testing/eventually";
import { after, before, describe, it } from "mocha";
import { assertBooksAgree } from "../../../tools/audit/assert-books-agree.ts";
import { type ServiceName, serviceNames } from "../../../tools/stack/stack-config.ts";
import { startOrderStream } from "../../e2e/order-stream.ts";
import { type OrderJson, shopClient } from "../../e2e/shop-client.ts";
import { type FaultShop, openFaultShop } from "../fault-shop.ts";
import { poison } from "../poison.ts";
import { seededRandom, seedFrom } from "../random.ts";
import { readMetric } from "./service-metrics.ts";
import { type StackBroker, stackBroker } from "./stack-broker.ts";
import { startInOrder, startOrders } from "./start-orders.ts";

const rootDir = join(import.meta.dirname, "..", "..", "..");
const seed = seedFrom(process.env);
const consumers = ["order-svc", "product-svc", "payment-svc"] as const;
const patienceMs = 60_000;
const stopMaxMs = 10_000;

describe("the shop and its broker", function () {
  this.timeout(180_000);
  let shop: FaultShop;
  let broker: StackBroker;

  before(async () => {
    shop = await openFaultShop();
    broker = stackBroker(shop.system.stack, shop.dataDir);
    await settlesConfirmed(await order());
    await broker.known();
    await assertBooksAgree(shop.system);
  });
  after(async () => {
    await shop?.close();
  });

  /** Not as a patient customer, who would not notice a refusal. */
  const order = () => shopClient(shop.system.gateway, shop.ada.token).order([{ product: shop.cup, quantity: 1 }]);
  async function settlesConfirmed(...orders: OrderJson[]): Promise<void> {
    for (const one of orders) assert.equal((await shop.ada.settles(one)).state, "STATE_CONFIRMED");
  }
  const duplicates = async () => {
    const counts = consumers.map((name) =>
      readMetric(shop.system.stack, name, "inbox_messages_total", 'result="duplicate"'),
    );
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  };
  /** Stops a service as an operator does. */
  async function stopsInOrder(service: ServiceName): Promise<void> {
    const startTime = performance.now();
    await shop.system.stop(service);
    const tookMs = performance.now() - startTime;
    const { lastExit } = shop.system.stack.status().find(({ name }) => name === service) ?? {};
    assert.equal(lastExit, 0, shop.system.stack.logs(service).split("\n").slice(-5).join("\n"));
    assert.ok(tookMs < stopMaxMs, `${tookMs} ms`);
  }

  it("accepts orders while the broker has no disk space, publishes none of their events twice, and settles them after", async () => {
    const duplicatesBefore = await duplicates();
    await broker.setAlarm("disk", true);
    const placed: OrderJson[] = [];
    try {
      for (let count = 0; count < 20; count++) placed.push(await order());
      assert.ok(placed.every(({ state }) => state === "STATE_PENDING"));
      // The first event that a connection brings is still taken, and tells the broker that it publishes.
      assert.equal((await shop.ada.get(`/v1/${placed.at(-1)?.name}`)).body.state, "STATE_PENDING");
    } finally {
      await broker.setAlarm("disk", false);
    }
    await settlesConfirmed(...placed);
    assert.equal(await duplicates(), duplicatesBefore);
  });

  it("has services stop in order while the broker is short of memory, and while it answers nobody", async () => {
    await broker.setAlarm("memory", true);
    const placed = [await order()];
    try {
      await stopsInOrder("order-svc");
      await shop.system.start("order-svc");
      placed.push(await order());
    } finally {
      await broker.setAlarm("memory", false);
    }
    await settlesConfirmed(...placed);

    shop.system.stack.kill("rabbitmq", "SIGSTOP");
    try {
      placed.push(await order());
      await Promise.all(consumers.map(stopsInOrder));
    } finally {
      shop.system.stack.kill("rabbitmq", "SIGCONT");
    }
    await Promise.all(consumers.map(shop.system.start));
    await settlesConfirmed(...placed);
  });

  it("settles every order, and refuses none, when its queues and its exchange are deleted", async () => {
    const orders = startOrderStream({ customer: shop.ada, product: shop.cup, soldOut: shop.soldOut, count: 40 });
    const faults = [
      ...consumers.map((name) => () => broker.deleteQueue(`${name}.events`)),
      () => broker.deleteExchange("shop.events"),
    ];
    for (const [index, begin] of faults.entries()) {
      await orders.acknowledged(5 + 8 * index);
      await begin();
    }
    await orders.finished();
    assert.deepEqual([...orders.interruptions], []);
    await assertBooksAgree(shop.system);
  });

  it(`loses nothing when all of it starts anew, the gateway first, and last a broker without its data (SEED=${seed})`, async () => {
    await shop.system.stop("payment-svc");
    const placed = [await order(), await order()];
    // What payment-svc is to do is in its queue, confirmed, and nowhere else to be done.
    for (const one of placed) await shop.ada.reaches(one, "AWAITING_PAYMENT");
    await eventually("all published", async () => {
      return (await readMetric(shop.system.stack, "order-svc", "outbox_pending_events")) === 0;
    });
    await shop.system.stop("rabbitmq");
    broker.wipe();
    for (const parts of startOrders(seededRandom(seed), 1)) await startInOrder(shop.system, parts);
    await settlesConfirmed(...placed, await shop.ada.order([{ product: shop.cup, quantity: 1 }]));
    await assertBooksAgree(shop.system);
  });

  it("has make parked list, show and replay what a service cannot handle, which a metric counts", async () => {
    const parked = async (variables: Record<string, string>) => {
      const env = { ...process.env, MODE: "native", QUARTET_DATA_DIR: shop.dataDir, ...variables };
      const stdio = ["ignore", "pipe", "pipe"] as const;
      const make = spawn("make", ["parked"], { cwd: rootDir, env, stdio: [...stdio] });
      const [[code], out, err] = await Promise.all([once(make, "close"), text(make.stdout), text(make.stderr)]);
      return { code, out, err };
    };
    const type = "shop.payment.v1.PaymentCaptured";
    await poison("order-svc", type, "torn").flow(shop);
    await eventually(
      "the metric",
      async () => (await readMetric(shop.system.stack, "order-svc", "inbox_parked_messages")) === 1,
      patienceMs,
    );
    const { out, err } = await parked({});
    for (const name of serviceNames) {
      assert.match(out, new RegExp(`^${name}: ${name === "order-svc" ? 1 : "nothing is"} parked$`, "m"), err);
    }
    const [, id = ""] = /^ {2}(\S+) .*UndecodableEventError/m.exec(out) ?? [];
    const one = { SVC: "order-svc", ID: id };
    const shown = JSON.parse((await parked(one)).out);
    assert.deepEqual([shown.id, shown.type, shown.payload.bytes], [id, type, 1]);
    for (const which of [one, { SVC: "order-svc", ALL: "1" }]) {
      const replayed = await parked({ ...which, REPLAY: "1" });
      assert.match(replayed.out, /1 tried again\n.*parked again: UndecodableEventError/);
    }
    for (const [variables, said] of [
      [{ ID: id }, "Say whose message that is"],
      [{ SVC: "order-svc", REPLAY: "1" }, "Say which to try again"],
      [{ SVC: "order-svc", ID: "none" }, "order-svc has parked no message none"],
    ] as const) {
      const wrong = await parked(variables);
      assert.ok(wrong.code !== 0 && wrong.err.includes(said), wrong.err);
    }
  });
});
