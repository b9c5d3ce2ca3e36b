import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { eventually } from "@quartet/chassis/testing/eventually";
import { afterEach, describe, it } from "mocha";
import { assertBooksAgree } from "../../../tools/audit/assert-books-agree.ts";
import { waitMaxDefaultMs } from "../../../tools/audit/judge.ts";
import { brokerAnswers, waitUntil } from "../../../tools/stack/ready.ts";
import { byService, type ServiceName, serviceNames } from "../../../tools/stack/stack-config.ts";
import { type OrderJson, shopClient } from "../../e2e/shop-client.ts";
import { type FaultShop, openFaultShop } from "../fault-shop.ts";
import { judgeMeanwhile, type StormJudge } from "../judge/storm-judge.ts";
import { seededRandom, seedFrom, wholeNumberFrom } from "../random.ts";
import { confirmedPerSecond } from "./raw-publisher.ts";
import { readMetric } from "./service-metrics.ts";
import { type StackBroker, stackBroker } from "./stack-broker.ts";
import { startInOrder, startOrders } from "./start-orders.ts";

const seed = seedFrom(process.env);
const backlog = wholeNumberFrom(process.env, "BACKLOG", 10_000);
const awayS = wholeNumberFrom(process.env, "AWAY_S", 180);
const permutations = wholeNumberFrom(process.env, "START_ORDERS", 20);
const earlyKills = wholeNumberFrom(process.env, "EARLY_KILLS", 5);

const drainRateMin = 2_000;
const firstEventMaxMs = 2_000;
const healthyMaxMs = 60_000;
/** Within the 30 % of the absence that lie between what is compared. */
const rssGrowthMaxBytes = 10 * 1024 * 1024;
/** A process grows to its working size at first, whatever is down. Then the first half of the rest is compared with the other. */
const [warmUpShare, halfShare] = [0.4, 0.7];
/**
 * With room, V8 lets garbage grow by 70 MiB before it collects it, so what a process takes says more about when it did that
 * than about what it keeps. With little room it does so every few seconds, and ends when there is not enough for what is kept.
 */
const littleRoom = { NODE_OPTIONS: "--max-old-space-size=96" };
const orderIntervalMs = 50;
const ordersPerLook = 20;
const stepDeadlineMs = 20_000;
const alarmMs = 45_000;
const refusedCount = 200;
const concurrency = 16;
/** An order passes through three services, on processors that they may share with more than each other. */
const msPerWaitingOrder = 25;
const patienceMs = 600_000;

describe("the shop without its broker, at length", function () {
  this.timeout(1_800_000);
  let shop: FaultShop | undefined;
  let judge: StormJudge | undefined;

  afterEach(async () => {
    await judge?.stop();
    await shop?.close();
    // What must hold at every read held at each of them.
    assert.deepEqual([...(judge?.problems ?? [])], []);
    [shop, judge] = [undefined, undefined];
  });

  async function open(
    additions?: Parameters<typeof openFaultShop>[0],
  ): Promise<FaultShop & { readonly broker: StackBroker }> {
    const opened = await openFaultShop(additions);
    shop = opened;
    judge = judgeMeanwhile(opened.dataDir);
    assert.equal((await opened.ada.settles(await order(opened))).state, "STATE_CONFIRMED");
    return { ...opened, broker: stackBroker(opened.system.stack, opened.dataDir) };
  }
  /** Not as a patient customer, who would not notice a refusal. */
  const order = ({ system, ada, cup }: FaultShop) =>
    shopClient(system.gateway, ada.token).order([{ product: cup, quantity: 1 }]);
  const say = (line: string) => console.log(`      ${line}`);

  async function placeMany(where: FaultShop, count: number): Promise<void> {
    let left = count;
    const work = async () => {
      while (left-- > 0) await order(where);
    };
    await Promise.all(Array.from({ length: concurrency }, work));
  }
  const pendingOf = (where: FaultShop, service: ServiceName) =>
    readMetric(where.system.stack, service, "outbox_pending_events");
  const handled = (where: FaultShop, service: ServiceName) =>
    readMetric(where.system.stack, service, "inbox_messages_total", 'result="done"');
  /** What I1 allows, and what it takes to carry on the orders that waited, which is more where there are thousands. */
  const settles = async (where: FaultShop, waiting = 0): Promise<void> => {
    const startTime = Date.now();
    await assertBooksAgree(where.system, { timeoutMs: waitMaxDefaultMs + waiting * msPerWaitingOrder });
    say(`settled ${((Date.now() - startTime) / 1000).toFixed(1)} s after the fault`);
  };

  it("drains a backlog at 2,000 events a second, the first within 2 s of the broker's return", async () => {
    const here = await open();
    const { stack } = here.system;
    // Only the publisher: what its neighbours make of the events is another matter.
    for (const part of ["product-svc", "payment-svc", "rabbitmq"] as const) await here.system.stop(part);
    const startTime = Date.now();
    await placeMany(here, backlog);
    say(`${backlog} orders accepted without a broker, ${perSecond(backlog, Date.now() - startTime)}`);
    assert.ok((await pendingOf(here, "order-svc")) >= backlog);

    stack.start("rabbitmq");
    assert.ok(await waitUntil(() => brokerAnswers(stack.urls.amqp), healthyMaxMs, 10));
    const returnTime = Date.now();
    // Seldom, because to look keeps the service from its work. It notes itself when it sent what.
    assert.ok(await waitUntil(async () => (await pendingOf(here, "order-svc")) === 0, patienceMs));
    const [sent] = await here.system.query<{ first: number; last: number; count: number }>(
      "order-svc",
      `SELECT min(sent_time) AS first, max(sent_time) AS last, count(*) AS count FROM outbox WHERE create_time >= ${startTime}`,
    );
    assert.ok(sent !== undefined && sent.count >= backlog);
    const firstMs = sent.first - returnTime;
    const drainMs = Math.max(1, sent.last - sent.first);
    const rate = (sent.count * 1000) / drainMs;
    const ceiling = await confirmedPerSecond(stack.urls.amqp, backlog);
    say(`first event ${firstMs} ms after the broker answers, ${perSecond(sent.count, drainMs)}`);
    say(
      `a bare publisher reaches ${Math.round(ceiling)} a second, the relay ${Math.round((100 * rate) / ceiling)} % of that`,
    );
    await here.system.stop("order-svc");
    await here.system.start("product-svc");
    const beginTime = Date.now();
    assert.ok(await waitUntil(async () => (await handled(here, "product-svc")) >= backlog, patienceMs));
    say(`product-svc alone handles them, its start included, at ${perSecond(backlog, Date.now() - beginTime)}`);
    for (const part of ["order-svc", "payment-svc"] as const) await here.system.start(part);
    await settles(here, backlog);
    assert.ok(firstMs <= firstEventMaxMs, `first event after ${firstMs} ms`);
    assert.ok(rate >= drainRateMin, perSecond(sent.count, drainMs));
  });

  /** Orders one after another for as long as the broker is away. All must be accepted. Resolves with how many they were. */
  async function orderWithoutBroker(
    here: FaultShop,
    onOrder: (count: number, share: number) => Promise<void> = async () => {},
  ): Promise<number> {
    const startTime = Date.now();
    let count = 0;
    for (let share = 0; share < 1; share = (Date.now() - startTime) / (awayS * 1000)) {
      await order(here);
      count += 1;
      await onOrder(count, share);
      await delay(orderIntervalMs);
    }
    say(`${count} orders accepted, none refused`);
    return count;
  }
  /** Asserts that every order is confirmed in the end. */
  async function confirmsAll(here: FaultShop, waiting: number): Promise<void> {
    await settles(here, waiting);
    const [other] = await here.system.query<{ count: number }>(
      "order-svc",
      "SELECT count(*) AS count FROM orders WHERE state <> 'CONFIRMED'",
    );
    assert.equal(other?.count, 0, "orders ran out of time while the broker was away");
  }

  it(`accepts every order while the broker is away for ${awayS} s: no deadline runs`, async () => {
    const here = await open({ "order-svc": { STEP_DEADLINE_MS: String(stepDeadlineMs) } });
    await here.system.stop("rabbitmq");
    const waiting = await orderWithoutBroker(here);
    await here.system.start("rabbitmq");
    await confirmsAll(here, waiting);
  });

  /** Orders without a broker, and asserts that what services take then stays what it is. Resolves with how many they were. */
  async function memoryStaysFlat(here: FaultShop): Promise<number> {
    const rss = async () =>
      await Promise.all(
        serviceNames.map((service) => readMetric(here.system.stack, service, "process_resident_memory_bytes")),
      );
    const none = serviceNames.map(() => Number.POSITIVE_INFINITY);
    // The least that each service takes within a time is what it keeps, more or less.
    const least = { first: none, second: none };
    const ordered = await orderWithoutBroker(here, async (count, share) => {
      if (count % ordersPerLook > 0 || share < warmUpShare) return;
      const half = share < halfShare ? "first" : "second";
      const now = await rss();
      least[half] = least[half].map((bytes, index) => Math.min(bytes, now[index] ?? bytes));
    });
    const growth = least.second.map((bytes, index) => bytes - (least.first[index] ?? 0));
    say(serviceNames.map((service, index) => `${service} ${mebibytes(growth[index] ?? 0)}`).join(", "));
    for (const bytes of growth) assert.ok(bytes <= rssGrowthMaxBytes, mebibytes(bytes));
    return ordered;
  }

  it(`accepts every order while the broker is away for ${awayS} s: memory stays flat`, async () => {
    const here = await open(byService(() => littleRoom));
    await here.system.stop("rabbitmq");
    const waiting = await memoryStaysFlat(here);
    await here.system.start("rabbitmq");
    await confirmsAll(here, waiting);
  });

  it(`accepts every order while the broker is short of memory for ${awayS} s: that of the services stays flat`, async () => {
    const here = await open(byService(() => littleRoom));
    await here.broker.setAlarm("memory", true);
    const waiting = await memoryStaysFlat(here);
    await here.broker.setAlarm("memory", false);
    await confirmsAll(here, waiting);
  });

  it("accepts orders while the broker does not know their password, and settles them when it does", async () => {
    const here = await open();
    await here.broker.changePassword("another");
    const isConnected = async () => (await readMetric(here.system.stack, "order-svc", "broker_connected")) === 1;
    await eventually("no connection", async () => !(await isConnected()), healthyMaxMs);
    const placed: OrderJson[] = [];
    for (let count = 0; count < refusedCount; count++) placed.push(await order(here));
    await here.broker.changePassword();
    await settles(here, refusedCount);
    for (const one of placed) assert.equal((await here.ada.settles(one)).state, "STATE_CONFIRMED");
  });

  it("publishes nothing twice that waits for its confirmation through a long alarm", async () => {
    const here = await open();
    const consumers = ["order-svc", "product-svc", "payment-svc"] as const;
    const duplicates = async () => {
      const counts = consumers.map((service) =>
        readMetric(here.system.stack, service, "inbox_messages_total", 'result="duplicate"'),
      );
      return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
    };
    await here.broker.known();
    await assertBooksAgree(here.system);
    const before = await duplicates();
    await here.broker.setAlarm("disk", true);
    const endTime = Date.now() + alarmMs;
    let accepted = 0;
    while (Date.now() < endTime) {
      await order(here);
      accepted += 1;
      await delay(orderIntervalMs);
    }
    await here.broker.setAlarm("disk", false);
    await settles(here, accepted);
    say(
      `${accepted} orders accepted during an alarm of ${alarmMs / 1000} s, ${(await duplicates()) - before} duplicates`,
    );
    assert.equal(await duplicates(), before);
  });

  it(`becomes healthy in ${permutations} start orders (SEED=${seed})`, async () => {
    const here = await open();
    const times: number[] = [];
    for (const parts of startOrders(seededRandom(seed), permutations)) {
      const startTime = Date.now();
      await startInOrder(here.system, parts);
      // A gateway that was there first looks for the services now and then: this customer asks again.
      const placed = await here.ada.order([{ product: here.cup, quantity: 1 }]);
      assert.equal((await here.ada.settles(placed)).state, "STATE_CONFIRMED", parts.join());
      times.push(Date.now() - startTime);
      assert.ok((times.at(-1) ?? 0) <= healthyMaxMs, `${times.at(-1)} ms: ${parts.join()}`);
    }
    say(`${times.length} start orders; the slowest from stop to a settled order took ${Math.max(...times)} ms`);
    await assertBooksAgree(here.system);
  });

  it(`works with a broker that was killed ${earlyKills} times just after its queues were first declared (SEED=${seed})`, async () => {
    const here = await open();
    const random = seededRandom(seed);
    for (let round = 0; round < earlyKills; round++) {
      await here.system.stop("rabbitmq");
      here.broker.wipe();
      const placed = await order(here);
      await here.system.start("rabbitmq");
      await eventually("the first queue", async () => (await queueCount(here.broker)) > 0, healthyMaxMs);
      await delay(random.between(0, 1_500));
      await here.system.kill("rabbitmq");
      assert.equal((await here.ada.settles(placed)).state, "STATE_CONFIRMED", `round ${round}`);
    }
    await assertBooksAgree(here.system);
    say(`${earlyKills} kills within 1.5 s of the first declaration`);
  });
});

async function queueCount(broker: StackBroker): Promise<number> {
  const listed = await broker.control("list_queues", "name").catch(() => "");
  return listed.split("\n").filter((line) => line.includes(".events")).length;
}

function perSecond(count: number, milliseconds: number): string {
  return `${Math.round((count * 1000) / milliseconds)} a second`;
}

function mebibytes(bytes: number): string {
  return `${bytes < 0 ? "-" : "+"}${(Math.abs(bytes) / 1024 / 1024).toFixed(1)} MiB`;
}
